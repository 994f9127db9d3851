/** Where a variant listens, taken apart once. */
export interface Upstream {
  /** As configured; what events and screens show. */
  readonly url: string;
  readonly origin: string;
  /** Path before the rest of the request's path, without a slash at its end; null: the request's path is passed on as it is. */
  readonly basePath: string | null;
}

export function parseUpstream(url: string): Upstream {
  const { origin, pathname } = new URL(url);
  let end = pathname.length;
  while (end > 0 && pathname[end - 1] === '/') end -= 1;
  return { url, origin, basePath: end === 0 ? null : pathname.slice(0, end) };
}

/**
 * The path asked of the upstream. An upstream without a path of its own gets the request's path unchanged
 * (`/v1/services/text-to-image/generations`); one with a path gets what follows the service's name or route behind it (`/sdxl` → `/sdxl/generations`).
 */
export function upstreamPath({ basePath }: Upstream, requestPath: string, rest: string): string {
  return basePath === null ? requestPath : `${basePath}${rest}`;
}
