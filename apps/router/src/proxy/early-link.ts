/** A link of `Link` (RFC 8288), with its parameters: `name`, `name=word` or `name="words"`. */
const LINK = /^<[^>]*>(?:\s*;\s*[^;"\s]+(?:(?<=[^;"\s]=)"[^;"\s]*")?)*$/;

/**
 * Whether all of it is what Node.js's server sends as early hints. It is asked beforehand: of a text that is no link Node.js's own expression tries every way to
 * divide it, which takes for ever from some eighty characters on, and whoever is asked for a picture writes them.
 */
export function areEarlyLinks(link: string | readonly string[]): boolean {
  const links = typeof link === 'string' ? [link] : link;
  return links.length > 0 && links.every((one) => LINK.test(one));
}
