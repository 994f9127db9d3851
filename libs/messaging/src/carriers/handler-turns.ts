import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long handlers may work one after the other, ms: then timers and sockets have their turn. A chunk of events takes as long again at most. */
const STRETCH_MS = 20;

let stretchBeganAtMs: number | undefined;
let admitted: Promise<void> = Promise.resolve();

/**
 * Resolves when the next batch may be handled: at once as a rule; where handlers have worked for long, when the event loop has been round. A backlog that
 * is read into memory would else be handled in one piece, and for as long as that takes no heartbeat is sent, no answer is read and no timer rings: the
 * process would lose its partitions and its lead. Whoever asked first goes on first.
 */
export function turnToHandle(): Promise<void> {
  admitted = admitted.then(untilStretchEnds);
  return admitted;
}

async function untilStretchEnds(): Promise<void> {
  // Once round is enough: whoever began the stretch waits for that as well, and asked first.
  if (stretchBeganAtMs !== undefined && performance.now() - stretchBeganAtMs >= STRETCH_MS) await nextTurn();
  if (stretchBeganAtMs !== undefined) return;
  stretchBeganAtMs = performance.now();
  void nextTurn().then(() => (stretchBeganAtMs = undefined));
}
