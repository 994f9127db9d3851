/** An address below which paths are written. By hand: an expression that looks for slashes at the end begins anew at each slash before it. */
export function withoutTrailingSlashes(address: string): string {
  let end = address.length;
  while (end > 0 && address[end - 1] === '/') end -= 1;
  return address.slice(0, end);
}
