import { isSameRoute, MILLION } from '#libs/contracts';
import type { DefinedState, StartedState } from '../state.js';
import type { ServiceBaseline } from './state.js';

/** The variant that has all traffic of an experiment that has ended; its control where none has. */
export function servedByEnded({ weightsPpm, spec }: StartedState): string {
  return Object.keys(weightsPpm).find((name) => weightsPpm[name] === MILLION) ?? spec.control;
}

/** What the service's baseline is when it serves this variant. */
export function variantAsBaseline({ spec, fingerprints, experiment }: DefinedState, name: string): ServiceBaseline {
  const variant = spec.variants[name];
  const fingerprint = fingerprints[name];
  if (!variant || fingerprint === undefined) throw new TypeError(`${experiment} has no variant ${name}`);
  return { upstream: variant.upstream, config: variant.config, fingerprint };
}

/** Whether the same is served, at the same address and for the same route. */
export function isSameBaseline(present: ServiceBaseline | null, asked: ServiceBaseline): boolean {
  if (present?.fingerprint !== asked.fingerprint || present.upstream !== asked.upstream) return false;
  return isSameRoute(present.route, asked.route);
}
