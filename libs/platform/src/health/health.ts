import { AnswerLimit } from '../answer-limit.js';

/** What a check found; a failure with its reason, for the person on call. */
export type HealthFinding =
  | { readonly ok: true; readonly facts?: Readonly<Record<string, unknown>> }
  | { readonly ok: false; readonly reason: string; readonly facts?: Readonly<Record<string, unknown>> };

/** One thing that has to work. */
export interface HealthCheck {
  /** For example `database`. */
  readonly name: string;
  /**
   * What a failure means: `not-ready`, it can't do its work at present and may come back by itself; `dead`, only a new start helps.
   */
  readonly failureMeans: 'not-ready' | 'dead';
  look(): HealthFinding | Promise<HealthFinding>;
}

export interface HealthReport {
  readonly ok: boolean;
  /** Findings by the name of the check. */
  readonly checks: Readonly<Record<string, HealthFinding>>;
  /** One sentence per failure. */
  readonly reasons: readonly string[];
}

/** A probe that takes longer has no answer. */
const LONGEST_LOOK_MS = 2_000;

/** Everything that one app looks at before it calls itself healthy. */
export class Health {
  private readonly checks = new Map<string, HealthCheck>();
  private stopping = false;

  /** A check of a name that is there already takes its place. */
  add(...checks: readonly HealthCheck[]): void {
    for (const check of checks) this.checks.set(check.name, check);
  }

  remove(name: string): void {
    this.checks.delete(name);
  }

  /** From now on it is not ready. */
  stop(): void {
    this.stopping = true;
  }

  /** Whether a new start would help: fails only for what is dead. */
  live(): Promise<HealthReport> {
    return report([...this.checks.values()].filter(({ failureMeans }) => failureMeans === 'dead'));
  }

  /** Whether it can do its work now. */
  async ready(): Promise<HealthReport> {
    const found = await report([...this.checks.values()]);
    if (!this.stopping) return found;
    return { ...found, ok: false, reasons: ['the process is shutting down', ...found.reasons] };
  }
}

/** A check that asks something outside: rejecting, or no answer in time, is the failure. */
export function probe(name: string, ask: () => Promise<unknown>): HealthCheck {
  return {
    name,
    failureMeans: 'not-ready',
    look: async () => {
      try {
        await ask();
        return { ok: true };
      } catch (error) {
        return { ok: false, reason: `the ${name} does not answer: ${(error as Error).message}` };
      }
    },
  };
}

async function report(checks: readonly HealthCheck[]): Promise<HealthReport> {
  const found = await Promise.all(checks.map(async (check) => [check.name, await lookInTime(check)] as const));
  const reasons = found.flatMap(([, finding]) => (finding.ok ? [] : [finding.reason]));
  return { ok: reasons.length === 0, checks: Object.fromEntries(found), reasons };
}

async function lookInTime({ name, look }: HealthCheck): Promise<HealthFinding> {
  let limit: AnswerLimit | undefined;
  const tooLate = new Promise<HealthFinding>((resolve) => {
    const reason = `${name} does not answer within ${LONGEST_LOOK_MS} ms`;
    limit = new AnswerLimit(LONGEST_LOOK_MS, () => resolve({ ok: false, reason }));
  });
  try {
    return await Promise.race([look(), tooLate]);
  } catch (error) {
    return { ok: false, reason: `${name}: ${(error as Error).message}` };
  } finally {
    limit?.clear();
  }
}
