import type { Image } from '#libs/contracts';
import type { Queryable } from '../../postgres/database.js';

export type StoredPicture = Pick<Image, 'uri' | 'sha256' | 'format'>;

/** Where one picture of a generation lies; undefined when nobody announced it. */
export async function findPicture(
  database: Queryable,
  generationId: string,
  imageIndex: number,
): Promise<StoredPicture | undefined> {
  const rows = await database.query<{ image: StoredPicture | null }>(
    'select images -> $2::integer as image from teststrip.generations where generation_id = $1 limit 1',
    [generationId, imageIndex],
  );
  return rows[0]?.image ?? undefined;
}
