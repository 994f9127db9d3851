let known = { atSecond: 0, text: '' };

/** What `Date` says now (RFC 9110 §6.6.1); made once a second. */
export function httpDate(): string {
  const atSecond = Math.floor(Date.now() / 1_000);
  if (known.atSecond !== atSecond) known = { atSecond, text: new Date(atSecond * 1_000).toUTCString() };
  return known.text;
}
