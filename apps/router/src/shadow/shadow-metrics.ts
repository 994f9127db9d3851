import { Counter, Gauge, type Registry } from 'prom-client';
import type { Outcome } from '#libs/contracts';
import type { NoPair } from './prompt-body.js';

/** Why a request that was drawn got no copy, or a copy that was promised was not sent or not waited for. */
export type DropReason =
  | NoPair
  | 'large-body'
  | 'concurrency'
  | 'busy'
  | 'stopping'
  | 'unknown-candidate'
  | 'client-left'
  | 'order-ended';

export interface ShadowMetrics {
  /** Of a request that was drawn and not marked: no pair is missing. */
  notMarked(service: string, reason: DropReason): void;
  ended(copy: { readonly service: string; readonly candidate: string }, outcome: Outcome, reason?: DropReason): void;
}

export function createShadowMetrics(registry: Registry, underWay: () => number): ShadowMetrics {
  const registers = [registry];
  const copies = new Counter({
    name: 'teststrip_router_shadow_total',
    help: 'Copies of shadow traffic by service, candidate, outcome and why they were dropped. Outcome not-marked: the request was drawn and not copied, and belongs to no pair; cancelled: given up afterwards.',
    labelNames: ['service', 'candidate', 'outcome', 'reason'],
    registers,
  });
  const gauge: Gauge = new Gauge({
    name: 'teststrip_router_shadow_under_way',
    help: 'Copies of shadow traffic under way, and those that wait for the answer to their original.',
    registers,
    collect: () => gauge.set(underWay()),
  });
  return {
    notMarked: (service, reason) => copies.inc({ service, candidate: '', outcome: 'not-marked', reason }),
    ended: (copy, outcome, reason) =>
      copies.inc({ service: copy.service, candidate: copy.candidate, outcome, reason: reason ?? '' }),
  };
}
