import type { DeliveryEvent } from '../events.js';
import type { GateSaid } from '../inputs.js';
import { startOrWait } from '../operator/revision.js';
import { isSameGate, type DeliveryState } from '../state.js';
import { gateAnsweredInWords } from '../words/gates.js';
import { gatesToAsk } from './gates.js';

/**
 * Writes down what a gate has said, as often as that changes. It orders nothing: the next analysis finds the gate open. A draft that waits for nothing else
 * starts.
 */
export function hearGate(state: DeliveryState, input: GateSaid): readonly DeliveryEvent[] {
  const { stage, when, gate, answer, reason, atMs } = input;
  const asked = gatesToAsk(state).find((one) => isSameGate(one, input));
  if (state.phase === 'absent' || input.revision !== state.revision || asked === undefined) return [];
  if (asked.answer === answer && (answer === 'none' || asked.reason === reason)) return [];
  const actor = `gate ${gate}`;
  const message = gateAnsweredInWords(state.spec, input);
  const said: DeliveryEvent = { type: 'gate-answered', atMs, actor, stage, when, gate, answer, reason, message };
  return startOrWait(state, said, { ...input, actor });
}
