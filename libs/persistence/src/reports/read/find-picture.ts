import type { Image } from '#libs/contracts';
import type { Database } from '../../postgres/database.js';
import { GenerationView } from '../../schema/entities/generation.view.js';
import { isAbout } from './is-about.js';

/** A picture as the inference service announced it. */
export type AnnouncedPicture = Pick<Image, 'uri' | 'sha256' | 'format'>;

/** A picture by whose it is: another service may have announced a generation of the same id. */
export interface PictureName {
  readonly service: string;
  readonly generationId: string;
  /** 0 for the first picture of the generation. */
  readonly imageIndex: number;
}

/** More announcements of one generation are nobody's retries. */
const MOST_ANNOUNCEMENTS = 100;

/** The services that have announced a generation of this id, by name: one, unless somebody says what is not theirs. */
export async function findServicesOfGeneration(database: Database, generationId: string): Promise<readonly string[]> {
  const reads = await database.reads();
  const rows = await reads
    .createQueryBuilder()
    .select('made.service', 'service')
    .distinct()
    .from(GenerationView, 'made')
    .where({ generationId, eventDigest: isAbout(generationId) })
    .orderBy('made.service')
    .limit(MOST_ANNOUNCEMENTS)
    .getRawMany<{ service: string }>();
  return rows.map(({ service }) => service);
}

/** Where a picture lies, by the earliest of its service's announcements; undefined when that has made none. */
export async function findPicture(
  database: Database,
  { service, generationId, imageIndex }: PictureName,
): Promise<AnnouncedPicture | undefined> {
  const reads = await database.reads();
  const announced = await reads.find(GenerationView, {
    select: { images: true, completedAt: true },
    where: { service, generationId, eventDigest: isAbout(generationId) },
    order: { completedAt: 'asc' },
    take: MOST_ANNOUNCEMENTS,
  });
  return announced.find(({ images }) => images[imageIndex] !== undefined)?.images[imageIndex];
}
