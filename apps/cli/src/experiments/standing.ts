import { experimentPhase } from '#libs/contracts';
import { duration, number, percent, phaseInWords } from '#libs/delivery';
import type { ExperimentAnswer } from '../server/answers.js';

/** Phases after which only a new revision or attempt goes on. */
const ENDED: ReadonlySet<string> = new Set(['promoted', 'rolled-back', 'concluded']);

export function isOver({ phase }: Pick<ExperimentAnswer, 'phase'>): boolean {
  return ENDED.has(phase);
}

/** "was rolled back", "has ended: nobody won (inconclusive)". */
export function phaseWords({ phase, outcome, winner }: ExperimentAnswer): string {
  if (phase === 'quarantined') return 'is quarantined: its log can’t be read';
  if (phase === 'concluded') return `has ended: ${outcomeWords(outcome ?? 'inconclusive', winner ?? null)}`;
  const known = readablePhase.safeParse(phase);
  return known.success ? phaseInWords(known.data) : phase;
}

/** A server of another version may have one more. */
const readablePhase = experimentPhase.exclude(['quarantined']);

function outcomeWords(outcome: string, winner: string | null): string {
  if (outcome === 'winner') return `${winner ?? 'one'} has won`;
  if (outcome === 'passed') return 'the shadow is passed';
  return outcome === 'futile' ? 'no variant can be better by what matters' : 'no verdict (inconclusive)';
}

/** "2 of 5, 5 %", "shadow"; a dash where there is none. */
export function stageWords({ stage, shadow }: ExperimentAnswer): string {
  if (shadow) return 'shadow';
  return stage ? `${stage.index + 1} of ${stage.of}, ${percent(stage.weightPpm)}` : '–';
}

/** "control 99 %, candidate 1 %". */
export function shareWords({ weightsPpm }: Pick<ExperimentAnswer, 'weightsPpm'>): string {
  const entries = Object.entries(weightsPpm ?? {});
  return entries.length === 0 ? '–' : entries.map(([variant, ppm]) => `${variant} ${percent(ppm)}`).join(', ');
}

/** Whether the last order is what is served, where that is not so. */
export function effectWords({ effect }: ExperimentAnswer): string | undefined {
  if (effect === 'ordered') return 'the last order is not in force everywhere yet';
  if (effect === 'contested') return 'the last order is not followed by every router: look at the routers';
  return undefined;
}

/**
 * What an experiment waits for, a line each; empty where it waits for nothing but evidence, or has ended.
 * @param isFrozen whether its service stands still, and the experiment with it
 */
export function waitsFor(experiment: ExperimentAnswer, isFrozen: boolean, nowMs: number): readonly string[] {
  const { held, unanswered, deadlineAt } = experiment;
  if (isOver(experiment)) return [];
  return [
    ...inTheWay(experiment, isFrozen, held ? ` (${ago(held.since, nowMs)})` : ''),
    ...(unanswered ? [unansweredWords(unanswered)] : []),
    ...(deadlineAt ? [`deadline in ${duration(Math.max(0, Date.parse(deadlineAt) - nowMs))}`] : []),
  ];
}

/**
 * What stands between an experiment and its next step, beside evidence; the same words for as long as it is the same.
 * @param heldSince what is said behind why it can't be judged
 */
export function inTheWay(experiment: ExperimentAnswer, isFrozen: boolean, heldSince = ''): readonly string[] {
  const { key, held, parked, approvals, phase, reason } = experiment;
  const awaited = approvals?.awaited ?? null;
  return [
    ...(phase === 'quarantined' ? [`${reason ?? 'its log can’t be read'}; teststrip rollback ${key} ends it`] : []),
    ...(parked ? [`nothing can be decided at present: ${parked.reason}`] : []),
    ...(held ? [`it can't be judged: ${held.causes.map(causeWords).join(', ')}${heldSince}`] : []),
    ...(phase === 'paused' ? [pauseWords(experiment, isFrozen)] : []),
    ...experiment.gates.filter(isAwaited).map(gateWords),
    ...(awaited === null ? [] : [approvalWords(key, awaited, approvals?.judgements)]),
  ];
}

/** "41 requests of candidate have had no answer for more than 8 s (by control it would be 3): …". */
function unansweredWords({
  candidate,
  requests,
  seconds,
  expected,
}: NonNullable<ExperimentAnswer['unanswered']>): string {
  return `${number(requests)} requests of ${candidate} have had no answer for more than ${seconds} s (by control it would be ${number(Math.round(expected))}): its share does not rise before they end`;
}

function approvalWords(key: string, stage: number, judgements: number | null | undefined): string {
  const pictures = judgements ? `${judgements} judgements of pictures (/review/${key} of the page) or ` : '';
  return `stage ${stage + 1} waits for ${pictures}an approval: teststrip approve ${key} -r …`;
}

/** On a frozen service no experiment can be resumed; one that somebody had paused before stays paused when the service goes on. */
function pauseWords({ key, service }: ExperimentAnswer, isFrozen: boolean): string {
  if (isFrozen) return `its service is frozen: teststrip unfreeze ${service} -r … lets it go on`;
  return `somebody has paused it: teststrip resume ${key} -r … lets it go on`;
}

/** A server of before does not say which gates the ramp waits for. */
function isAwaited({ answer, awaited }: ExperimentAnswer['gates'][number]): boolean {
  return awaited ?? answer !== 'approve';
}

function gateWords({ stage, when, gate, answer, reason }: ExperimentAnswer['gates'][number]): string {
  const step = when === 'before' ? `stage ${stage + 1} waits` : `the stage after stage ${stage + 1} waits`;
  const why = reason === '' ? '' : `: ${reason}`;
  switch (answer) {
    case 'deny':
      return `gate ${gate} denies what follows${why}; ${step} until it is taken out of the file, or somebody promotes or rolls back`;
    case 'none':
      return `${step} for gate ${gate}, which gives no answer${why}`;
    default:
      return `${step} for gate ${gate}${answer === null ? '' : `, which says to wait${why}`}`;
  }
}

function causeWords(cause: string): string {
  return cause.replaceAll('-', ' ');
}

/** "12 min ago". */
export function ago(at: string, nowMs: number): string {
  return `${duration(Math.max(0, nowMs - Date.parse(at)))} ago`;
}
