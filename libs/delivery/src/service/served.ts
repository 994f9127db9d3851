import { MILLION } from '#libs/contracts';
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
