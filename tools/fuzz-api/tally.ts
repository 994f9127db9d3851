import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** How one operation was answered. */
export interface OperationTally {
  /** Requests by status; `none` where no answer came. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly slowestS: number;
}

/** By operation, as schemathesis calls it: `POST /v1/experiments`. */
export type Tally = ReadonlyMap<string, OperationTally>;

/** What of the events of schemathesis is read here: how each request of a scenario was answered. */
interface ReportLine {
  readonly ScenarioFinished?: {
    readonly recorder: {
      readonly label: string;
      readonly interactions?: Readonly<Record<string, Interaction>>;
    };
  };
}

interface Interaction {
  readonly response?: { readonly status_code: number; readonly elapsed: number };
}

/** Reads a report of schemathesis (`--report-ndjson-path`), also one that is still being written. */
export async function readTally(path: string): Promise<Tally> {
  const tally = new Map<string, OperationTally>();
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    const { recorder } = finishedIn(line) ?? {};
    if (!recorder) continue;
    for (const { response } of Object.values(recorder.interactions ?? {})) {
      const before = tally.get(recorder.label) ?? { statuses: {}, slowestS: 0 };
      const status = String(response?.status_code ?? 'none');
      const statuses = { ...before.statuses, [status]: (before.statuses[status] ?? 0) + 1 };
      tally.set(recorder.label, { statuses, slowestS: Math.max(before.slowestS, response?.elapsed ?? 0) });
    }
  }
  return tally;
}

export function sumOf(tally: Tally): number {
  return [...tally.values()].reduce((sum, { statuses }) => sum + requestsIn(statuses), 0);
}

export function merged(tallies: readonly Tally[]): Tally {
  const all = new Map<string, OperationTally>();
  for (const [operation, { statuses, slowestS }] of tallies.flatMap((tally) => [...tally])) {
    const before = all.get(operation) ?? { statuses: {}, slowestS: 0 };
    const sums = { ...before.statuses };
    for (const [status, count] of Object.entries(statuses)) sums[status] = (sums[status] ?? 0) + count;
    all.set(operation, { statuses: sums, slowestS: Math.max(before.slowestS, slowestS) });
  }
  return all;
}

/** A line per operation. */
export function tallyLines(tally: Tally): readonly string[] {
  return [...tally].map(([operation, { statuses, slowestS }]) => {
    const answers = Object.entries(statuses).map(([status, count]) => `${status} × ${count}`);
    return `  ${operation}: ${requestsIn(statuses)} (${answers.join(', ')}), slowest ${slowestS.toFixed(2)} s`;
  });
}

function requestsIn(statuses: OperationTally['statuses']): number {
  return Object.values(statuses).reduce((sum, count) => sum + count, 0);
}

/** The last line of a report that is being written may be half a line. */
function finishedIn(line: string): ReportLine['ScenarioFinished'] {
  if (!line.startsWith('{"ScenarioFinished"')) return undefined;
  try {
    return (JSON.parse(line) as ReportLine).ScenarioFinished;
  } catch {
    return undefined;
  }
}
