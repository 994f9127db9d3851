import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long handlers may work one after the other, ms: then timers and sockets have their turn. A batch takes as long again at most. */
const STRETCH_MS = 20;

let stretchBeganAtMs: number | undefined;
let begun: Promise<void> = Promise.resolve();

/**
 * Begins to handle a batch: at once as a rule; where handlers have worked for long, when the event loop has been round. A backlog that is read into memory
 * would else be handled in one piece, and for as long as that takes no heartbeat is sent, no answer is read and no timer rings: the process would lose its
 * partitions and its lead. Whoever asked first begins first, and nobody waits for another's end.
 */
export function inTurn<T>(handle: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    begun = begun.then(untilStretchEnds).then(() => void handle().then(resolve, reject));
  });
}

async function untilStretchEnds(): Promise<void> {
  // Once round is enough: whoever began the stretch waits for that as well, and asked first.
  if (stretchBeganAtMs !== undefined && performance.now() - stretchBeganAtMs >= STRETCH_MS) await nextTurn();
  if (stretchBeganAtMs !== undefined) return;
  stretchBeganAtMs = performance.now();
  void nextTurn().then(() => (stretchBeganAtMs = undefined));
}
