import { CONTROLLER } from '../command.js';
import type { AlertKind, DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import { type Notice, noticesOf } from '../notices.js';
import type { ActiveState } from '../state.js';
import { runClockOf } from './deadline.js';

/** What of an analysis has to reach people who look at no page; each kind once per revision. */
export function warn(state: ActiveState, { analysis, atMs }: Analysed): readonly DeliveryEvent[] {
  return noticesOf(state.spec, analysis, runClockOf(state, atMs)).flatMap(({ kind, message }) => {
    const alert = alertOf(kind);
    if (alert === null || state.alerts.some((known) => known.alert === alert)) return [];
    return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert, message } as const];
  });
}

function alertOf(kind: Notice['kind']): AlertKind | null {
  switch (kind) {
    case 'watched-shift':
    case 'few-new-units':
    case 'too-late':
      return kind;
    case 'unneeded-silence':
    case 'outlook':
      return null;
    default:
      return kind satisfies never;
  }
}
