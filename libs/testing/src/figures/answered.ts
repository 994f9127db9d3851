/** A method's answer, where a spec expects one; fails with the reason where there is none. */
export function answered<T>(answer: T): Exclude<T, { readonly missing: string } | { readonly refused: string }> {
  if (typeof answer === 'object' && answer !== null) {
    if ('missing' in answer) throw new Error(`no answer: ${String(answer.missing)}`);
    if ('refused' in answer) throw new Error(`no answer: ${String(answer.refused)}`);
  }
  return answer as Exclude<T, { readonly missing: string } | { readonly refused: string }>;
}
