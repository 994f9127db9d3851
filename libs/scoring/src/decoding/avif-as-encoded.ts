/** Properties of a picture that turn, mirror or cut it. */
const TRANSFORMS = ['irot', 'imir', 'clap'];

const MAJOR_BRAND_AT = 8;

/**
 * The AVIF as its picture was encoded, without what turns, mirrors or cuts it, as with the EXIF orientation of other formats: each such
 * property becomes a turn by 0°, which keeps all boxes where they are. Of an animation the still that stands for it. The same bytes where they
 * say nothing of all that.
 */
export function avifAsEncoded(avif: Buffer): Buffer {
  const found = transformsIn(avif);
  const isAnimation = avif.toString('latin1', MAJOR_BRAND_AT, MAJOR_BRAND_AT + 4) === 'avis';
  if (found.length === 0 && !isAnimation) return avif;
  const copy = Buffer.from(avif);
  // The decoder looks at the first brand alone, and reads stills.
  if (isAnimation) copy.write('avif', MAJOR_BRAND_AT, 'latin1');
  for (const at of found) {
    copy.write('irot', at + 4, 'latin1');
    copy[at + 8] = 0;
  }
  return copy;
}

/** Where the boxes `meta/iprp/ipco/*` begin that transform. */
function transformsIn(avif: Buffer): readonly number[] {
  const [meta] = boxes(avif, 0, avif.length).filter(({ type }) => type === 'meta');
  // A full box: four bytes of version and flags come before what it holds.
  const inMeta = meta ? boxes(avif, meta.body + 4, meta.end) : [];
  const properties = inMeta
    .filter(({ type }) => type === 'iprp')
    .flatMap(({ body, end }) => boxes(avif, body, end))
    .filter(({ type }) => type === 'ipco')
    .flatMap(({ body, end }) => boxes(avif, body, end));
  return properties
    .filter(({ type, body, end }) => TRANSFORMS.includes(type) && end > body)
    .map(({ body }) => body - 8);
}

interface Box {
  readonly type: string;
  readonly body: number;
  readonly end: number;
}

/** ISO 14496-12, 4.2: a size of 0 reaches to the end; what has a size of 64 bits or none that fits ends the list. */
function boxes(bytes: Buffer, from: number, to: number): readonly Box[] {
  const found: Box[] = [];
  for (let at = from; at + 8 <= to;) {
    const size = bytes.readUInt32BE(at) || to - at;
    if (size < 8 || at + size > to) break;
    found.push({ type: bytes.toString('latin1', at + 4, at + 8), body: at + 8, end: at + size });
    at += size;
  }
  return found;
}
