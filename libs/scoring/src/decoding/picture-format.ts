export type PictureFormat = 'png' | 'jpeg' | 'webp' | 'avif';

/** What the first bytes announce: a format that is decoded, the name of one that is not, or nothing that is known. */
export type AnnouncedFormat =
  | { readonly kind: 'decoded'; readonly format: PictureFormat }
  | { readonly kind: 'unsupported'; readonly format: string }
  | { readonly kind: 'unknown' };

/** Only what is announced as a format that is decoded ever reaches a decoder. */
export function announcedFormat(bytes: Buffer): AnnouncedFormat {
  const head = bytes.toString('latin1', 0, 16);
  const format = decodedFormat(head, bytes);
  if (format !== undefined) return { kind: 'decoded', format };
  const other =
    head.slice(4, 8) === 'ftyp' ? heifFormat(bytes) : OTHERS.find(([begins]) => head.startsWith(begins))?.[1];
  return other === undefined ? { kind: 'unknown' } : { kind: 'unsupported', format: other };
}

function decodedFormat(head: string, bytes: Buffer): PictureFormat | undefined {
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'png';
  if (head.startsWith('\xff\xd8\xff')) return 'jpeg';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp';
  const isAvif = head.slice(4, 8) === 'ftyp' && brands(bytes).some((brand) => brand === 'avif' || brand === 'avis');
  return isAvif ? 'avif' : undefined;
}

/** First bytes of formats that people do store pictures in. */
const OTHERS: readonly (readonly [begins: string, format: string])[] = [
  ['GIF87a', 'GIF'],
  ['GIF89a', 'GIF'],
  ['II*\0', 'TIFF'],
  ['MM\0*', 'TIFF'],
  ['II+\0', 'TIFF'],
  ['MM\0+', 'TIFF'],
  ['BM', 'BMP'],
  ['\xff\x0a', 'JPEG XL'],
  ['\0\0\0\x0cJXL ', 'JPEG XL'],
  ['\0\0\0\x0cjP  ', 'JPEG 2000'],
  ['\xff\x4f\xff\x51', 'JPEG 2000'],
  ['qoif', 'QOI'],
  ['8BPS', 'PSD'],
  ['#?RADIANCE', 'Radiance HDR'],
  ['v/1\x01', 'OpenEXR'],
];

/** The same container with another codec inside; videos are none of it. */
function heifFormat(bytes: Buffer): string | undefined {
  const found = brands(bytes);
  if (found.some((brand) => /^(hei[cfmsx]|hev[cmsx])$/.test(brand))) return 'HEIC';
  return found.some((brand) => brand === 'mif1' || brand === 'msf1') ? 'HEIF' : undefined;
}

/** Major and compatible brands of the ISO-BMFF `ftyp` box. */
function brands(bytes: Buffer): readonly string[] {
  const end = Math.min(bytes.readUInt32BE(0), bytes.length, 256);
  const found = [bytes.toString('latin1', 8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) found.push(bytes.toString('latin1', at, at + 4));
  return found;
}
