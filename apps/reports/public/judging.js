/** So many judgements can be taken back; older ones have been sent. */
const HELD_AT_MOST = 5;
/** None is held for longer. */
const HELD_FOR_MS = 30_000;

/** What one person judges: the pairs before them, and the judgements that they may still take back. Knows nothing of pages and servers. */
export class Judging {
  waiting = [];
  held = [];
  /** Pairs that were judged here, sent or not. */
  judged = 0;
  seen = new Set();

  /** Pairs that have not been shown here yet. */
  add(pairs) {
    const fresh = pairs.filter(({ id }) => !this.seen.has(id));
    for (const pair of fresh) this.seen.add(pair.id);
    this.waiting.push(...fresh);
  }

  get current() {
    return this.waiting[0];
  }

  judge(preferred, nowMs) {
    const pair = this.waiting.shift();
    if (pair === undefined) return;
    this.held.push({ pair, preferred, atMs: nowMs });
    this.judged += 1;
  }

  get canUndo() {
    return this.held.length > 0;
  }

  /** Shows the pair again that was judged last. */
  undo() {
    const last = this.held.pop();
    if (last === undefined) return;
    this.waiting.unshift(last.pair);
    this.judged -= 1;
  }

  /** A pair that can't be shown, a picture of which is gone. */
  skip() {
    this.waiting.shift();
  }

  /** Judgements that nobody takes back any more; with `all` every one, where the person leaves. */
  takeDue(nowMs, all = false) {
    const late = this.held.filter(({ atMs }) => nowMs - atMs >= HELD_FOR_MS).length;
    return this.held.splice(0, all ? this.held.length : Math.max(late, this.held.length - HELD_AT_MOST));
  }
}
