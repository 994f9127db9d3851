/** Handles what it is given. Returning means "done, move on"; throwing means "again later". */
export type Handler<T> = (input: T) => Promise<void>;

/** A handler of `In` made of a handler of `Out`: one concern of consuming, wrapped round the next. */
export type Middleware<In, Out = In> = (next: Handler<Out>) => Handler<In>;

/**
 * Several middlewares as one, the first outermost.
 *
 * ```ts
 * const handle = compose(decode(deadLetters), absorbRepeats(progress), isolateFailures({ deadLetters }))(record);
 * ```
 */
export function compose<In, Out>(
  first: Middleware<In, Out>,
  ...others: readonly Middleware<Out>[]
): Middleware<In, Out> {
  return (handler) => first(others.reduceRight((next, middleware) => middleware(next), handler));
}
