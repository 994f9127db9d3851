import { candidatesOf } from '#libs/contracts';
import type { DeliveryEvent } from './events.js';
import type { Analysed, Restarted, Tick } from './inputs.js';
import { climb } from './rules/climb.js';
import { concludeTest } from './rules/conclude.js';
import { endOverdue } from './rules/deadline.js';
import { harmfulGuardrail, rollBackBrokenLimit, rollBackHarm } from './rules/harm.js';
import { standstillAt } from './rules/standstill.js';
import { unansweredOf } from './rules/unanswered.js';
import { holdForSilence, holdUntrusted, releaseHold } from './rules/hold.js';
import { sparingOthers } from './rules/drop-arm.js';
import { judgeShadow, rollBackHarmOfPairs } from './rules/shadow.js';
import { warn } from './rules/warn.js';
import {
  inRace,
  isActive,
  isInShadow,
  type ActiveState,
  type DeliveryState,
  type RunningState,
  type StartedState,
} from './state.js';

/**
 * What an analysis leads to. The order is the policy: harm before everything, then what is overdue, then whether the numbers can be
 * trusted, and only then whether the share may rise. Each rule answers with events, or with none where it does not apply. Warnings come beside, and decide nothing.
 */
export function judgeAnalysis(known: DeliveryState, input: Analysed): readonly DeliveryEvent[] {
  const { analysis } = input;
  if (known.phase === 'absent' || known.phase === 'draft') return [];
  const state = inRace(known);
  // An analysis of another revision says nothing about this one.
  if (analysis.experiment !== state.experiment || analysis.revision !== state.revision) return [];

  const isOfThisPolicy = (analysis.policy ?? 0) === state.policy;
  const heard = isOfThisPolicy ? input : stillJudgedSo(state, input);
  const harmed = answerHarm(state, heard);
  if (harmed !== null) return withOthers(known, input, sparingOthers(state, heard, harmed));
  if (!isActive(state)) return [];

  const ended = endOverdue(state, input);
  // By another policy nothing rises and nobody wins.
  if (ended.length > 0 || !isOfThisPolicy) return ended;

  return [...warn(state, input), ...judgeByPhase(state, input)];
}

/** After the end no analysis may follow: every loser that this one proves harmful is told, not the worst alone. */
function withOthers(state: StartedState, input: Analysed, answer: readonly DeliveryEvent[]): readonly DeliveryEvent[] {
  const [first] = answer;
  if (first?.type !== 'arm-disqualified') return answer;
  return [...answer, ...judgeAnalysis({ ...state, dropped: [...(state.dropped ?? []), first.variant] }, input)];
}

/** What proven harm leads to; null where none is proven. */
function answerHarm(state: StartedState, input: Analysed): readonly DeliveryEvent[] | null {
  const harmful = harmfulGuardrail(state.spec, input.analysis);
  // In the shadow the candidate was drawn for nobody: only its pairs speak.
  if (harmful && !isInShadow(state)) return rollBackHarm(state, input, harmful);
  const harmOfPairs = rollBackHarmOfPairs(state, input);
  if (harmOfPairs.length > 0) return harmOfPairs;
  const brokenLimit = rollBackBrokenLimit(state, input);
  return brokenLimit.length > 0 ? brokenLimit : null;
}

/** What an analysis by another policy of the revision says of metrics whose rules are the same by this one. */
function stillJudgedSo({ judgedSince }: StartedState, input: Analysed): Analysed {
  const { analysis } = input;
  const { policy = 0 } = analysis;
  const isStill = ({ metric }: { readonly metric: string }): boolean => (judgedSince[metric] ?? 0) <= policy;
  const metrics = analysis.metrics.filter(isStill);
  const pairs = (analysis.pairs ?? []).map((of) => ({ ...of, metrics: of.metrics.filter(isStill) }));
  return { ...input, analysis: { ...analysis, metrics, pairs } };
}

function judgeByPhase(state: ActiveState, input: Analysed): readonly DeliveryEvent[] {
  switch (state.phase) {
    case 'paused':
      return [];
    case 'held':
      return releaseHold(state, input);
    case 'running': {
      const events = isInShadow(state) ? judgeShadow(state, input) : judgeRunning(state, input);
      return mayRise(state, input) ? events : events.filter((event) => !isRise(state, event));
    }
    default:
      return state satisfies never;
  }
}

/** Whether it is the time for a share to rise, and the ends that are known speak for all requests. */
function mayRise(state: RunningState, { atMs, analysis, underWay }: Analysed): boolean {
  const { spec, weightsPpm } = state;
  if (standstillAt(spec, atMs) !== undefined) return false;
  return unansweredOf({ spec, weightsPpm, requests: analysis.requests }, underWay) === null;
}

/** Whether a candidate gets more than it has. */
function isRise({ spec, lastCommand }: RunningState, event: DeliveryEvent): boolean {
  if (!('command' in event)) return false;
  const { weightsPpm } = event.command;
  return candidatesOf(spec).some((name) => (weightsPpm[name] ?? 0) > (lastCommand.weightsPpm[name] ?? 0));
}

function judgeRunning(state: RunningState, input: Analysed): readonly DeliveryEvent[] {
  const held = holdUntrusted(state, input);
  if (held.length > 0) return held;
  const concluded = concludeTest(state, input);
  if (concluded.length > 0) return concluded;
  return climb(state, input);
}

/**
 * What the passing of time leads to: the deadline, the end of a hold, or a hold because analyses stopped arriving. Minimum stage
 * times need no event of their own: no timer raises a share; the next analysis after that time does.
 */
export function passTime(known: DeliveryState, input: Tick | Restarted): readonly DeliveryEvent[] {
  if (!isActive(known)) return [];
  const state = inRace(known);
  const ended = endOverdue(state, input);
  if (ended.length > 0 || state.phase !== 'running' || input.type === 'restarted') return ended;
  return holdForSilence(state, input);
}
