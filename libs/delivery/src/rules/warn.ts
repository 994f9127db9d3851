import { CONTROLLER } from '../command.js';
import type { AlertKind, DeliveryEvent } from '../events.js';
import type { Analysed } from '../inputs.js';
import type { StartedState } from '../state.js';
import { shiftWarning } from '../words/trust.js';

/** What people should know of an analysis although it decides nothing; each kind once per revision. */
export function warn(state: StartedState, { analysis, atMs }: Analysed): readonly DeliveryEvent[] {
  const { shift } = analysis.health;
  // A different distribution is no harm by itself, but a person should look.
  return shift?.status === 'found' ? raise('watched-shift', shiftWarning(shift.metrics)) : [];

  function raise(alert: AlertKind, message: string): readonly DeliveryEvent[] {
    if (state.alerts.some((known) => known.alert === alert)) return [];
    return [{ type: 'alert-raised', atMs, actor: CONTROLLER, alert, message }];
  }
}
