import { seededRandom } from '#libs/scenes';
import type { BusName, StoreName } from '../bench/chaos/processes.js';

export const SERVICES = {
  decision: 'decision',
  reports: 'reports',
  recorder: 'recorder',
  'analyzer-a': 'analyzer',
  'analyzer-b': 'analyzer',
  'scorer-a': 'scorer',
  'scorer-b': 'scorer',
  'router-a': 'router',
  'router-b': 'router',
} as const;
export type ChaosService = keyof typeof SERVICES;
const SERVICE_NAMES = Object.keys(SERVICES) as readonly ChaosService[];
export type Victim = ChaosService | StoreName;

/** What happens to whom. Everything comes back afterwards: started again, continued, or as fast as before. */
export type Fault =
  | { readonly kind: 'kill'; readonly victims: readonly Victim[]; readonly forMs: number }
  | { readonly kind: 'stop'; readonly victims: readonly ChaosService[]; readonly forMs: number }
  | { readonly kind: 'slow'; readonly wayTo: StoreName; readonly delayMs: number; readonly forMs: number }
  /** Its clock says another time, and then the right one again. */
  | { readonly kind: 'clock'; readonly victim: ChaosService; readonly aheadMs: number; readonly forMs: number }
  /** Of database, broker and services. */
  | { readonly kind: 'full disk'; readonly forMs: number };

/** An order between two faults, given once everything is back. */
export type ChaosOrder = 'pause' | 'resume';

export interface PlannedStep {
  /** Before the fault, milliseconds. */
  readonly calmMs: number;
  readonly fault: Fault;
  readonly order?: ChaosOrder;
}

const LONGEST_CALM_MS = 1_500;
const LONGEST_GONE_MS = 3_000;
/** Longer than a member that hangs is waited for. */
const LONGEST_STOPPED_MS = 12_000;
const LONGEST_DELAY_MS = 120;
const LONGEST_WRONG_MS = 5_000;
/** Clocks that jump do so by hours (a wrong zone) or by seconds (they are set). */
const JUMPS_MS = [2_000, 30_000, 3_600_000] as const;
const ORDER_EVERY = 5;

/** What can be done on this machine beyond what can be done on all. */
export interface ChaosMeans {
  readonly clocks: boolean;
  readonly disk: boolean;
}

/** The same steps for the same seed and means. It is paused and goes on in turn. */
export function planFaults(seed: number, kills: number, bus: BusName, means: ChaosMeans): readonly PlannedStep[] {
  const random = seededRandom(seed);
  const upTo = (most: number): number => Math.round(random.between(most / 5, most));
  const stores: readonly StoreName[] = bus === 'kafka' ? ['database', 'broker'] : ['database'];
  const fault = (): Fault => {
    const draw = random.uniform();
    if (draw < 0.08)
      return {
        kind: 'slow',
        wayTo: random.pick(stores),
        delayMs: upTo(LONGEST_DELAY_MS),
        forMs: upTo(LONGEST_GONE_MS),
      };
    if (draw < 0.12 && means.clocks) {
      const aheadMs = random.pick(JUMPS_MS) * (random.uniform() < 0.5 ? -1 : 1);
      return { kind: 'clock', victim: random.pick(SERVICE_NAMES), aheadMs, forMs: upTo(LONGEST_WRONG_MS) };
    }
    if (draw < 0.14 && means.disk) return { kind: 'full disk', forMs: upTo(LONGEST_GONE_MS) };
    if (draw < 0.3) return { kind: 'stop', victims: [random.pick(SERVICE_NAMES)], forMs: upTo(LONGEST_STOPPED_MS) };
    if (draw < 0.45) return { kind: 'kill', victims: [random.pick(stores)], forMs: upTo(LONGEST_GONE_MS) };
    const victims = [
      ...new Set<Victim>([random.pick(SERVICE_NAMES), ...(draw > 0.8 ? [random.pick(SERVICE_NAMES)] : [])]),
    ];
    return { kind: 'kill', victims: withOneRouter(victims), forMs: upTo(LONGEST_GONE_MS) };
  };
  return Array.from({ length: kills }, (_, index) => ({
    calmMs: upTo(LONGEST_CALM_MS),
    fault: fault(),
    ...((index + 1) % ORDER_EVERY === 0
      ? { order: (index + 1) % (2 * ORDER_EVERY) === 0 ? ('resume' as const) : ('pause' as const) }
      : {}),
  }));
}

/** With both routers gone nobody could be served, and a request would fail rightly. */
function withOneRouter(victims: readonly Victim[]): readonly Victim[] {
  const isBoth = victims.includes('router-a') && victims.includes('router-b');
  return isBoth ? victims.filter((name) => name !== 'router-b') : victims;
}

export function faultInWords(fault: Fault): string {
  const seconds = `${(fault.forMs / 1000).toFixed(1)} s`;
  switch (fault.kind) {
    case 'kill':
      return `${fault.victims.join(' and ')} killed, gone for ${seconds}`;
    case 'stop':
      return `${fault.victims.join(' and ')} stopped for ${seconds}`;
    case 'slow':
      return `the way to the ${fault.wayTo} takes ${fault.delayMs} ms more for ${seconds}`;
    case 'clock':
      return `${fault.victim}'s clock is ${Math.abs(fault.aheadMs) / 1000} s ${fault.aheadMs < 0 ? 'behind' : 'ahead'} for ${seconds}`;
    case 'full disk':
      return `the disk is full for ${seconds}`;
    default:
      return fault satisfies never;
  }
}
