import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec, MILLION, type WeightsPpm } from '#libs/contracts';
import { controlOnly, onlyVariant, servesCandidates } from '../allocation.js';
import type { ActiveState, StartedState } from '../state.js';
import { limitInWords } from '../words/limit.js';
import { percent } from '../words/numbers.js';
import { guardrailAnalyses } from './guardrail-proof.js';
import { failingShare, limitsBrokenByControl } from './limits.js';

/** Why control itself is broken, in words; null where it is not. The candidate need not be any better. */
export function brokenControl(spec: ExperimentSpec, analysis: ExperimentAnalysed): string | null {
  const share = failingShare(analysis, 'control');
  if (share !== null) return `${percent(share * MILLION)} of its own requests fail`;
  const [limited] = limitsBrokenByControl(spec, analysis);
  if (limited) return limitInWords(limited, 'control', spec.control);
  const endless = guardrailAnalyses(spec, analysis).find(
    ({ kind, estimate, missing }) =>
      kind === 'upper-tail' &&
      missing?.effect === 'infinite' &&
      estimate.control === null &&
      estimate.candidate !== null,
  );
  return endless
    ? `${endless.metric} of ${spec.control} has no end: too many of its requests never got a picture`
    : null;
}

/** Whether control was broken when the newest analysis was judged. */
export function isControlBroken({ alerts }: StartedState): boolean {
  const last = alerts.findLast(({ alert }) => alert === 'control-unhealthy' || alert === 'control-recovered');
  return last?.alert === 'control-unhealthy';
}

/**
 * Who gets the traffic of a revision that ends without a verdict while control is broken: nobody is sent to it without having been asked for.
 * Undefined where control is not broken, or nobody is served anything else.
 */
export function weightsInstead(
  state: ActiveState,
): { readonly weightsPpm: WeightsPpm; readonly why: string } | undefined {
  const { spec, weightsPpm } = state;
  if (!isControlBroken(state) || !servesCandidates(spec, weightsPpm)) return undefined;
  const candidates = candidatesOf(spec);
  const policy = spec.onBrokenControl ?? 'hold';
  switch (policy) {
    case 'hold':
      return { weightsPpm, why: `${spec.control} itself is broken: the shares stay as they are` };
    case 'rollback':
      return {
        weightsPpm: controlOnly(spec),
        why: `all traffic goes to ${spec.control}, although it is broken itself`,
      };
    case 'promote': {
      const [candidate] = candidates;
      if (candidate === undefined || candidates.length > 1) {
        return {
          weightsPpm,
          why: `${spec.control} itself is broken, and of several candidates none has won: the shares stay as they are`,
        };
      }
      return {
        weightsPpm: onlyVariant(spec, candidate),
        why: `${spec.control} itself is broken: all traffic goes to ${candidate}`,
      };
    }
    default:
      return policy satisfies never;
  }
}

/** What becomes of the traffic if the revision ends without a verdict meanwhile; see {@link weightsInstead}. */
export function insteadInWords(spec: ExperimentSpec): string {
  const policy = spec.onBrokenControl ?? 'hold';
  const ending = 'If the experiment ends without a verdict meanwhile,';
  switch (policy) {
    case 'hold':
      return `${ending} the shares stay as they are (onBrokenControl: hold).`;
    case 'rollback':
      return `${ending} all traffic goes to ${spec.control} all the same (onBrokenControl: rollback).`;
    case 'promote': {
      const [candidate, ...others] = candidatesOf(spec);
      return candidate === undefined || others.length > 0
        ? `${ending} the shares stay as they are: of several candidates none has won.`
        : `${ending} all traffic goes to ${candidate} (onBrokenControl: promote).`;
    }
    default:
      return policy satisfies never;
  }
}
