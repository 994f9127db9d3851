import { topics } from '#libs/contracts';
import type { IncomingRecord } from '#libs/messaging';

/** Larger is newer: of orders and baselines the epoch, of definitions revision and policy, and when it was said. */
type Age = readonly number[];

/**
 * What this service has said last of each thing, and whether that still stands at the end of its log: a true record of before that somebody publishes again has
 * a signature that counts, and takes the place of the newer one in a compacted topic all the same.
 */
export class NewestSaid {
  private readonly said = new Map<string, { readonly newest: Age; readonly standing: Age }>();

  /** What was decided: what stands there may be older from the beginning. */
  expect(name: string, newest: Age): void {
    this.said.set(name, { newest, standing: newest });
  }

  /**
   * Takes in what stands there now.
   * @returns whether something newer was said before
   */
  isOvertaken(name: string, record: IncomingRecord): boolean {
    const age = ageOf(record);
    if (age === undefined) return false;
    const newest = this.said.get(name)?.newest ?? age;
    this.said.set(name, { newest: isOlder(newest, age) ? age : newest, standing: age });
    return isOlder(age, newest);
  }

  /** Whether what stands there now is the newest: it may have been said again meanwhile. */
  stands(name: string): boolean {
    const said = this.said.get(name);
    return said === undefined || !isOlder(said.standing, said.newest);
  }
}

/** undefined: it takes nobody's place, or can't be read. */
function ageOf({ topic, value }: IncomingRecord): Age | undefined {
  const data = jsonOf(value);
  switch (topic) {
    case topics.allocationCommanded.name:
      return [Number(data['epoch'])];
    case topics.experimentDefined.name:
      return [data['revision'], data['policy'] ?? 0].map(Number);
    case topics.serviceDefined.name:
      return [Number(data['epoch']), Date.parse(String(data['definedAt']))];
    default:
      return undefined;
  }
}

function jsonOf(value: Buffer | null): Readonly<Record<string, unknown>> {
  try {
    return (JSON.parse(value?.toString() ?? '{}') ?? {}) as Readonly<Record<string, unknown>>;
  } catch {
    return {};
  }
}

function isOlder(left: Age, right: Age): boolean {
  const index = left.findIndex((number, at) => number !== right[at]);
  return index >= 0 && (left[index] as number) < (right[index] as number);
}
