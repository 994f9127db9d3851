/** "limits.port: expected …"; what is wrong with the whole has no path before it. */
export function messageAt(path: readonly PropertyKey[] | string, message: string): string {
  const place = typeof path === 'string' ? path : path.join('.');
  return place === '' ? message : `${place}: ${message}`;
}
