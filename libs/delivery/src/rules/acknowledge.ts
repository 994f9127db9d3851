import type { DeliveryEvent } from '../events.js';
import type { Applied } from '../inputs.js';
import type { DeliveryState } from '../state.js';

/** Records each router's answer to the present command, once. Answers to older commands no longer matter. */
export function acknowledge(state: DeliveryState, { applied, atMs }: Applied): readonly DeliveryEvent[] {
  if (state.phase === 'absent' || state.phase === 'draft') return [];
  if (applied.experiment !== state.experiment || applied.revision !== state.revision) return [];
  if (applied.commandId !== state.lastCommand.commandId) return [];
  const known = state.acknowledgements[applied.router];
  if (known?.commandId === applied.commandId && known.outcome === applied.outcome) return [];
  // Applied after all is news; refused after it was applied is not.
  if (known?.commandId === applied.commandId && known.outcome === 'applied') return [];
  return [{ type: 'acknowledged', atMs, actor: applied.router, applied }];
}
