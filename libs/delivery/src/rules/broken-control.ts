import { candidatesOf, type ExperimentAnalysed, type ExperimentSpec, MILLION, type WeightsPpm } from '#libs/contracts';
import { controlOnly, onlyVariant, servesCandidates } from '../allocation.js';
import { CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { ActiveState, StartedState } from '../state.js';
import { limitInWords } from '../words/limit.js';
import { duration, percent } from '../words/numbers.js';
import { guardrailAnalyses } from './guardrail-proof.js';
import { failingRecently, failingShare, limitsBrokenByControl } from './limits.js';

/**
 * Why control itself is broken, in words; null where it is not. The candidate need not be any better.
 * @param wasBroken whether it was when this was asked last: it is mended later than it is broken
 */
export function brokenControl(spec: ExperimentSpec, analysis: ExperimentAnalysed, wasBroken = false): string | null {
  const failing = failuresOfControl(spec, analysis, wasBroken);
  if (failing !== null) return failing;
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

/** By its recent requests: what it was all night says nothing of now. Analyses of before know only the whole run. */
function failuresOfControl(spec: ExperimentSpec, analysis: ExperimentAnalysed, wasBroken: boolean): string | null {
  if (analysis.health.recent === undefined) {
    const share = failingShare(analysis, 'control');
    return share === null ? null : `${percent(share * MILLION)} of its own requests fail`;
  }
  const recent = failingRecently(analysis, spec.control, wasBroken);
  if (recent === null) return null;
  const { failures, requests, seconds } = recent;
  return `${percent((failures / requests) * MILLION)} of its own requests fail (${failures} of ${requests} in the last ${duration(seconds * 1_000)})`;
}

/**
 * Everybody is sent to control although it is broken as well: there is nothing better, and people have to know.
 * @param analysis the newest one; null where it is not known, then what was told of control last counts
 */
export function alarmForTarget(
  state: StartedState,
  analysis: ExperimentAnalysed | null,
  atMs: number,
): readonly DeliveryEvent[] {
  const { control } = state.spec;
  const wasBroken = isControlBroken(state);
  const broken = analysis === null ? null : brokenControl(state.spec, analysis, wasBroken);
  if (broken === null && (analysis !== null || !wasBroken)) return [];
  const why = broken ?? 'that was so when it was last judged';
  const message = `Rolled back to ${control}, which is broken itself: ${why}. Look at it now.`;
  return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert: 'control-unhealthy', message }];
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
