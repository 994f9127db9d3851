import { DecisionRefusedError } from '#libs/delivery';
import type { Clock } from '#libs/platform';
import type { Decisions } from '../deciding/decisions.js';
import { askGate, idOf, type GateQuestion, type HeardGate } from './ask-gate.js';
import type { GateSettings } from './gate-settings.js';

/** Gates that are asked at once. */
const AT_ONCE = 8;
/** A gate that fails once may have been restarted: after so many in a row people are told. */
const FAILURES_TOLD = 3;
const SHORTEST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;

export interface GateKeeperOptions {
  readonly decisions: Pick<Decisions, 'gatesToAsk' | 'gateSaid'>;
  readonly settings: GateSettings;
  readonly clock: Clock;
}

/** Where the asking of one gate stands. */
interface Asking {
  readonly dueAtMs: number;
  /** Attempts in a row without an answer. */
  readonly failures: number;
  readonly isUnderWay: boolean;
}

const ANEW: Asking = { dueAtMs: 0, failures: 0, isUnderWay: false };

/**
 * Asks the gates that ramps wait for, and tells the decisions what they say. Nothing waits for it but the ramp of the experiment itself. What is asked is
 * in the log, so that another process, or the next one, asks it again under the same id.
 */
export class GateKeeper {
  private readonly asking = new Map<string, Asking>();
  private readonly closing = new AbortController();
  private readonly underWay = new Set<Promise<void>>();

  constructor(private readonly options: GateKeeperOptions) {}

  /** Asks what is due, and waits for nothing. @param onFailure told where an answer could not be written down: it is asked again */
  look(onFailure: (error: Error) => void): void {
    const open = new Map(this.options.decisions.gatesToAsk().map((question) => [idOf(question), question]));
    for (const id of this.asking.keys()) if (!open.has(id)) this.asking.delete(id);
    const nowMs = this.options.clock.nowMs();
    for (const [id, question] of open) {
      const { dueAtMs, isUnderWay } = this.asking.get(id) ?? ANEW;
      if (isUnderWay || dueAtMs > nowMs || this.underWay.size >= AT_ONCE || this.closing.signal.aborted) continue;
      const asked = this.ask(id, question)
        .catch(onFailure)
        .finally(() => this.underWay.delete(asked));
      this.underWay.add(asked);
    }
  }

  /** Ends what is under way; it is asked again by whoever comes next. */
  async close(): Promise<void> {
    this.closing.abort(new Error('the decision service is closing'));
    await Promise.all(this.underWay);
  }

  private async ask(id: string, question: GateQuestion): Promise<void> {
    const { clock, settings } = this.options;
    const { failures } = this.asking.get(id) ?? ANEW;
    this.asking.set(id, { dueAtMs: 0, failures, isUnderWay: true });
    // Whatever happens before the answer is written down is a failure.
    let next: Asking = this.afterFailure(failures + 1);
    try {
      const heard = await this.attempt(question);
      await this.tell(question, heard);
      const pauseMs = Math.max(settings.askAgainMs, Math.min(heard.retryAfterMs, LONGEST_PAUSE_MS));
      next = { dueAtMs: clock.nowMs() + pauseMs, failures: 0, isUnderWay: false };
    } catch (error) {
      if (this.closing.signal.aborted) return;
      next = this.afterFailure(failures + 1);
      if (failures + 1 >= FAILURES_TOLD || error instanceof DecisionRefusedError)
        await this.tell(question, { answer: 'none', reason: (error as Error).message });
    } finally {
      this.asking.set(id, next);
    }
  }

  private afterFailure(failures: number): Asking {
    const { clock, settings } = this.options;
    const longestMs = Math.min(settings.askAgainMs, LONGEST_PAUSE_MS);
    const pauseMs = Math.min(SHORTEST_PAUSE_MS * 2 ** (failures - 1), longestMs);
    return { dueAtMs: clock.nowMs() + pauseMs, failures, isUnderWay: false };
  }

  private tell(
    { state, asked }: GateQuestion,
    { answer, reason }: Pick<HeardGate, 'answer' | 'reason'>,
  ): Promise<void> {
    const { stage, when, gate } = asked;
    const { revision } = state;
    return this.options.decisions.gateSaid(state.experiment, { revision, stage, when, gate, answer, reason });
  }

  private async attempt(question: GateQuestion): Promise<HeardGate> {
    const { settings } = this.options;
    const { gate } = question.asked;
    const url = settings.urls.get(gate);
    if (url === undefined) throw new Error(`no gate of this name is configured (GATES)`);
    const ending = new AbortController();
    const end = (why: Error) => (): void => ending.abort(why);
    const late = setTimeout(end(new Error(`no answer within ${settings.timeoutMs} ms`)), settings.timeoutMs);
    const onClosing = end(new Error('the decision service is closing'));
    this.closing.signal.addEventListener('abort', onClosing, { once: true });
    try {
      return await askGate(url, question, settings, ending.signal);
    } finally {
      clearTimeout(late);
      this.closing.signal.removeEventListener('abort', onClosing);
    }
  }
}
