import type { Image } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { GenerationEntity } from '../../schema/entities/generation.entity.js';

/** A picture as the inference service announced it. */
export type AnnouncedPicture = Pick<Image, 'uri' | 'sha256' | 'format'>;

/** The service that made the pictures of a generation; undefined when nobody announced it. */
export async function findServiceOfGeneration(database: Database, generationId: string): Promise<string | undefined> {
  const reads = await database.reads();
  const found = await reads.findOne(GenerationEntity, {
    select: { eventDigest: true, completedAt: true, service: true },
    where: { generationId },
  });
  return found?.service;
}

/** Where one picture of a generation lies; undefined when nobody announced it. */
export async function findPicture(
  database: Database,
  generationId: string,
  imageIndex: number,
): Promise<AnnouncedPicture | undefined> {
  const reads = await database.reads();
  const generation = await reads.findOne(GenerationEntity, {
    select: { eventDigest: true, completedAt: true, images: true },
    where: { generationId },
  });
  return generation?.images[imageIndex];
}
