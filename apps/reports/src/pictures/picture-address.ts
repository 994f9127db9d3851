import type { PictureName } from '#libs/persistence/reports';

/** Where the bytes of a picture are served. */
export function pictureAddress({ service, generationId, imageIndex }: PictureName): string {
  return `/api/pictures/${encodeURIComponent(generationId)}/${imageIndex}?service=${encodeURIComponent(service)}`;
}
