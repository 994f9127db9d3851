import { refused, unavailable, type FetchedPicture } from './fetched-picture.js';

/** The bytes inside a `data:…;base64,` URI. */
export function dataPicture(uri: string, maxBytes: number): FetchedPicture {
  const comma = uri.indexOf(',');
  if (comma < 0 || !uri.slice(0, comma).toLowerCase().endsWith(';base64')) {
    return refused(`"${uri.slice(0, 40)}…" is not of the form data:<type>;base64,<data>`);
  }
  const encoded = uri.length - comma - 1;
  if (encoded * 0.75 > maxBytes + 2) {
    return refused(`the data: URI holds about ${Math.floor(encoded * 0.75)} bytes, at most ${maxBytes} are accepted`);
  }
  const bytes = Buffer.from(uri.slice(comma + 1), 'base64');
  return bytes.length === 0 ? unavailable('the data: URI is empty') : { outcome: 'fetched', bytes };
}
