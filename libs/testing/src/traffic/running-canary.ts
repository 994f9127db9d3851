import type { AllocationCommanded, ExperimentSpec, TeststripEvent } from '#libs/contracts';
import { definition } from './simulated-traffic.js';

/** A canary on `text-to-image` as routers hear of it: its definition, and the order that starts it. */
export function runningCanary(
  candidatePpm: number,
  changes: {
    readonly key?: string;
    readonly spec?: Partial<ExperimentSpec>;
    readonly order?: Partial<AllocationCommanded>;
  } = {},
): readonly [TeststripEvent<'experiment.defined.v1'>, TeststripEvent<'allocation.commanded.v1'>] {
  const { key = 'exp', spec, order } = changes;
  const at = new Date().toISOString();
  const envelope = { specversion: '1.0', source: 'test', time: at, subject: key } as const;
  const defined = { ...definition({ key, ...spec }), experiment: key, definedAt: at };
  const ordered: AllocationCommanded = {
    commandId: key,
    experiment: key,
    service: defined.spec.service,
    revision: 1,
    epoch: 1,
    command: 'start',
    stage: 0,
    weightsPpm: { control: 1_000_000 - candidatePpm, candidate: candidatePpm },
    reason: 'started',
    message: '',
    evidence: null,
    actor: 'test',
    commandedAt: at,
    terminal: false,
    ...order,
  };
  return [
    { ...envelope, id: `defined-${key}`, type: 'experiment.defined.v1', data: defined },
    { ...envelope, id: `ordered-${key}`, type: 'allocation.commanded.v1', data: ordered },
  ];
}
