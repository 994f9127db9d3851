/**
 * A regular expression (of PCRE and JavaScript alike) for whole numbers with as many digits as the limit that are below it: for programs that compare text alone. Without anchors.
 * @param limit a positive whole number
 */
export function belowNumber(limit: number): string {
  const digits = String(limit);
  const ways = [...digits].flatMap((digit, index) => {
    if (digit === '0') return [];
    const smaller = digit === '1' ? '0' : `[0-${Number(digit) - 1}]`;
    return [`${digits.slice(0, index)}${smaller}\\d{${digits.length - index - 1}}`];
  });
  return `(?:${ways.join('|')})`;
}
