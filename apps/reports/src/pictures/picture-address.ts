/** Where the bytes of a picture are served. */
export function pictureAddress(generationId: string, imageIndex: number): string {
  return `/api/pictures/${encodeURIComponent(generationId)}/${imageIndex}`;
}
