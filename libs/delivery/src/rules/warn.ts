import type { ExperimentAnalysed } from '#libs/contracts';
import { CONTROLLER } from '../command.js';
import type { AlertKind, DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import { type Notice, noticesOf } from '../notices.js';
import { isInShadow, type ActiveState } from '../state.js';
import { brokenControl, isControlBroken } from './broken-control.js';
import { runClockOf } from './deadline.js';

/** What of an analysis has to reach people who look at no page; each kind once per revision and thing that it is about, a foreign configuration once each. */
export function warn(state: ActiveState, { analysis, atMs }: Analysed): readonly DeliveryEvent[] {
  const notices = noticesOf(state.spec, analysis, {
    ...runClockOf(state, atMs),
    isInShadow: isInShadow(state),
    stage: state.stage,
  }).flatMap((notice) => {
    const alert = alertOf(notice.kind);
    if (alert === null || wasTold(state, alert, notice)) return [];
    return [told(alert, notice, atMs)];
  });
  return [...notices, ...aboutControl(state, analysis, atMs)];
}

/** What people are told, and which of several things it is about. */
type Told = Pick<Notice, 'message' | 'about'>;

function wasTold({ alerts }: ActiveState, alert: AlertKind, { message, about }: Told): boolean {
  return alerts.some(
    (known) =>
      known.alert === alert &&
      known.about === about &&
      (alert !== 'foreign-configuration' || known.message === message),
  );
}

/** Whether control itself is broken, as often as that changes. */
function aboutControl(state: ActiveState, analysis: ExperimentAnalysed, atMs: number): readonly DeliveryEvent[] {
  const wasBroken = isControlBroken(state);
  const broken = brokenControl(state.spec, analysis, wasBroken);
  if ((broken !== null) === wasBroken) return [];
  const { control } = state.spec;
  return broken === null
    ? [told('control-recovered', { message: `${control} is no longer broken.` }, atMs)]
    : [told('control-unhealthy', { message: `${control} itself is broken: ${broken}. Look at it now.` }, atMs)];
}

function told(alert: AlertKind, { message, about }: Told, atMs: number): DeliveryEvent {
  return {
    type: 'alert-raised',
    atMs,
    actor: CONTROLLER,
    alert,
    message,
    ...(about === undefined ? {} : { about }),
  };
}

function alertOf(kind: Notice['kind']): AlertKind | null {
  switch (kind) {
    case 'watched-shift':
    case 'inconsistent-reports':
    case 'foreign-configuration':
    case 'outlying-value':
    case 'few-new-units':
    case 'too-late':
    case 'dry-run-harm':
      return kind;
    // Told as often as it changes, see `aboutControl`.
    case 'broken-control':
    case 'units':
    case 'unneeded-silence':
    case 'outlook':
    case 'shadow':
    case 'frozen':
    case 'baking':
    case 'dry-run':
      return null;
    default:
      return kind satisfies never;
  }
}
