/** Why a receiver has not taken a notification; its message does not name the address. */
export class NotDeliveredError extends Error {
  override readonly name = 'NotDeliveredError';
  /** How long the receiver asks to be left alone; 0 where it does not ask. */
  readonly retryAfterMs: number;
  /** It will never take it: trying again does not help. */
  readonly isFinal: boolean;
  constructor(
    message: string,
    { retryAfterMs = 0, isFinal = false }: { retryAfterMs?: number; isFinal?: boolean } = {},
  ) {
    super(message);
    this.retryAfterMs = retryAfterMs;
    this.isFinal = isFinal;
  }
}
