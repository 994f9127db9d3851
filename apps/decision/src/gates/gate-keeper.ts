import { DecisionRefusedError } from '#libs/delivery';
import type { Clock } from '#libs/platform';
import type { Decisions } from '../deciding/decisions.js';
import { inTime } from '../notifying/in-time.js';
import { askGate, idOf, plainText, type GateQuestion, type HeardGate } from './ask-gate.js';
import type { GateSettings } from './gate-settings.js';

/** What one gate is asked at once. Each has places of its own: one that does not answer keeps nobody from another. */
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
}

const ANEW: Asking = { dueAtMs: 0, failures: 0 };

interface UnderWay {
  readonly gate: string;
  readonly ended: Promise<void>;
}

/**
 * Asks the gates that ramps wait for, and tells the decisions what they say. Nothing waits for it but the ramp of the experiment itself. What is asked is
 * in the log, so that another process, or the next one, asks it again under the same id.
 */
export class GateKeeper {
  private readonly asking = new Map<string, Asking>();
  private readonly closing = new AbortController();
  private readonly underWay = new Map<string, UnderWay>();

  constructor(private readonly options: GateKeeperOptions) {}

  /** Asks what is due, and waits for nothing. @param onFailure told where an answer could not be written down: it is asked again */
  look(onFailure: (error: Error) => void): void {
    const open = new Map(this.options.decisions.gatesToAsk().map((question) => [idOf(question), question]));
    for (const id of this.asking.keys()) if (!open.has(id)) this.asking.delete(id);
    for (const [id, question] of this.due(open)) {
      const { gate } = question.asked;
      if (this.askedNow(gate) >= AT_ONCE || this.closing.signal.aborted) continue;
      const ended = this.ask(id, question)
        .catch(onFailure)
        .finally(() => this.underWay.delete(id));
      this.underWay.set(id, { gate, ended });
    }
  }

  /** Ends what is under way; it is asked again by whoever comes next. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all([...this.underWay.values()].map(({ ended }) => ended));
  }

  /** Those that have waited longest first: where a gate leaves some without an answer, they line up again behind the others. */
  private due(open: ReadonlyMap<string, GateQuestion>): readonly (readonly [id: string, question: GateQuestion])[] {
    const nowMs = this.options.clock.nowMs();
    const dueAtMs = (id: string): number => (this.asking.get(id) ?? ANEW).dueAtMs;
    return [...open]
      .filter(([id]) => !this.underWay.has(id) && dueAtMs(id) <= nowMs)
      .toSorted(([one], [other]) => dueAtMs(one) - dueAtMs(other));
  }

  private askedNow(gate: string): number {
    return [...this.underWay.values()].filter((one) => one.gate === gate).length;
  }

  private async ask(id: string, question: GateQuestion): Promise<void> {
    const { clock, settings } = this.options;
    const failures = (this.asking.get(id) ?? ANEW).failures + 1;
    try {
      const heard = await this.attempt(question);
      await this.tell(question, heard);
      const pauseMs = Math.max(settings.askAgainMs, Math.min(heard.retryAfterMs, LONGEST_PAUSE_MS));
      this.asking.set(id, { dueAtMs: clock.nowMs() + pauseMs, failures: 0 });
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.asking.set(id, this.afterFailure(failures));
      if (failures >= FAILURES_TOLD || error instanceof DecisionRefusedError)
        await this.tell(question, { answer: 'none', reason: plainText((error as Error).message) });
    }
  }

  private afterFailure(failures: number): Asking {
    const { clock, settings } = this.options;
    const longestMs = Math.min(settings.askAgainMs, LONGEST_PAUSE_MS);
    const pauseMs = Math.min(SHORTEST_PAUSE_MS * 2 ** (failures - 1), longestMs);
    return { dueAtMs: clock.nowMs() + pauseMs, failures };
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
    return inTime({ timeoutMs: settings.timeoutMs, closing: this.closing.signal }, (signal) =>
      askGate(url, question, settings, signal),
    );
  }
}
