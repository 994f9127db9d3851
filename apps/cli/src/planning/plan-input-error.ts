/** What the caller wrote can't be planned; the message says what was found and what was expected. */
export class PlanInputError extends Error {
  override readonly name = 'PlanInputError';
}
