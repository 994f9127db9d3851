import type { AllocationCommanded, ExperimentAnalysed } from '#libs/contracts';
import { CONTROLLER } from '../command.js';
import type { DeliveryEvent } from '../events.js';
import type { Contested, DeliveryInput, Operate, Tick } from '../inputs.js';
import type { DeliveryState } from '../state.js';
import { durationInWordsMs } from '../words/numbers.js';
import { quotedIn } from '../words/quote.js';

/** The first event of a decision, with the command that came of it, if one did, and the analysis that is kept beside it. */
export interface FirstOfDecision {
  readonly event: DeliveryEvent;
  readonly command: AllocationCommanded | undefined;
  readonly analysis: ExperimentAnalysed | undefined;
}

/**
 * The inputs that an event can have followed from, by what the log keeps of them; empty where it keeps too little: logs of before have no
 * analyses.
 * @param before the state before the event
 */
export function possibleInputs(before: DeliveryState, first: FirstOfDecision): readonly DeliveryInput[] {
  const { event, command } = first;
  if (event.type === 'acknowledged') return [{ ...givenAt(event, command), type: 'applied', applied: event.applied }];
  const isOfController = (command?.actor ?? event.actor) === CONTROLLER;
  if (event.type === 'gate-answered') return ofGate(before, first, event);
  return isOfController ? ofController(before, first) : ofOperator(first);
}

function givenAt({ atMs }: DeliveryEvent, command: AllocationCommanded | undefined) {
  return { atMs, commandId: command?.commandId ?? 'none' };
}

function ofGate(
  before: DeliveryState,
  { command }: FirstOfDecision,
  event: Extract<DeliveryEvent, { readonly type: 'gate-answered' }>,
): readonly DeliveryInput[] {
  if (before.phase === 'absent') return [];
  const { stage, when, gate, answer, reason } = event;
  const said = { stage, when, gate, answer, reason, revision: before.revision };
  return [{ ...givenAt(event, command), type: 'gate-said', ...said }];
}

function ofOperator({ event, command, analysis }: FirstOfDecision): readonly DeliveryInput[] {
  const by = { ...givenAt(event, command), actor: event.actor, note: noteOf(event, command) };
  const operate = (type: Operate['type'], variant?: string): Operate => ({ ...by, type, variant });
  switch (event.type) {
    case 'defined':
    case 'policy-changed': {
      const { spec, fingerprints } = event.definition;
      return [{ ...by, type: 'define', spec, fingerprints, file: event.file }, operate('new-attempt')];
    }
    case 'approved':
      return [{ ...by, type: 'approve', stage: event.stage }];
    case 'paused':
      return [operate('pause')];
    case 'resumed':
      return [operate('resume')];
    case 'promoted':
    case 'reissued':
      return [operate('promote'), ...Object.keys(event.command.weightsPpm).map((name) => operate('promote', name))];
    case 'rolled-back':
      return [{ ...operate('rollback'), analysis }, operate('end')];
    case 'arm-dropped':
      return [operate('drop-arm', event.variant)];
    case 'concluded':
      return [operate('end')];
    case 'archived':
      return [operate('archive')];
    default:
      return [];
  }
}

function ofController(before: DeliveryState, { event, command, analysis }: FirstOfDecision): readonly DeliveryInput[] {
  const at = givenAt(event, command);
  if (analysis !== undefined) return [{ ...at, type: 'analysed', analysis }];
  if (command === undefined) return [];
  if (event.type === 'alert-raised' && event.alert === 'contested') {
    const contested = contestedBy(before, event.message, command);
    return contested === undefined ? [] : [{ ...at, ...contested }];
  }
  if (command.evidence !== null) return [];
  return [
    { ...at, type: 'restarted' },
    { ...at, ...silence(event.atMs, command.message) },
  ];
}

/** How long no analysis has come is kept in words alone. */
function silence(atMs: number, message: string): Omit<Tick, 'atMs' | 'commandId'> {
  const words = / for (\d[\d.\u202f]* \w+)\./.exec(message)?.[1];
  const silentMs = words === undefined ? undefined : durationInWordsMs(words);
  return {
    type: 'tick',
    lastAnalysedAtMs: silentMs === undefined ? null : atMs - silentMs,
    analysisSilentAfterMs: 0,
  };
}

/** Which routers were behind is kept in words alone; only the epoch that follows tells how far they were. */
function contestedBy(
  before: DeliveryState,
  message: string,
  { epoch }: AllocationCommanded,
): Omit<Contested, 'atMs' | 'commandId'> | undefined {
  if (before.phase === 'absent' || before.phase === 'draft') return undefined;
  const words = /^[^:]* everywhere: (.*) (?:has|have) not followed it\./.exec(message)?.[1];
  if (words === undefined) return undefined;
  const [named = '', more = '0'] = words.split(/ and (\d+) more$/);
  const unnamed = Array.from({ length: Number(more) }, (_, index) => `another-${index}`);
  const behind = [...named.split(', '), ...unnamed];
  return { type: 'contested', epoch: before.lastCommand.epoch, servedEpoch: epoch - 1, behind };
}

/** The operator's own words, as messages quote them. */
function noteOf(event: DeliveryEvent, command: AllocationCommanded | undefined): string {
  return quotedIn('note' in event ? event.note : (command?.message ?? ''));
}
