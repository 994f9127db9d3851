import type { Image } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { GenerationView } from '../../schema/entities/generation.view.js';
import { isAbout } from './is-about.js';

/** A picture as the inference service announced it. */
export type AnnouncedPicture = Pick<Image, 'uri' | 'sha256' | 'format'>;

/** The service that made the pictures of a generation; undefined when nobody announced it. */
export async function findServiceOfGeneration(database: Database, generationId: string): Promise<string | undefined> {
  const reads = await database.reads();
  const found = await reads.findOne(GenerationView, {
    select: { service: true },
    where: { generationId, eventDigest: isAbout(generationId) },
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
  const generation = await reads.findOne(GenerationView, {
    select: { images: true },
    where: { generationId, eventDigest: isAbout(generationId) },
  });
  return generation?.images[imageIndex];
}
