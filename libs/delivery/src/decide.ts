import { acknowledge } from './acknowledge.js';
import { define } from './define.js';
import type { DeliveryEvent } from './events.js';
import type { DeliveryInput } from './inputs.js';
import { judgeAnalysis } from './judge-analysis.js';
import { approve, operate } from './operate.js';
import { passTime } from './pass-time.js';
import { DecisionRefusedError } from './refusal.js';
import type { DefinedState, DeliveryState } from './state.js';

/**
 * The decision core: what follows from an input in a state, as events. Pure; deciding the same again after the events were
 * applied yields nothing new, so repeated and late messages do no harm.
 * @throws DecisionRefusedError for an operator's command that the state forbids; analyses, timers and acknowledgements never throw.
 */
export function decide(state: DeliveryState, input: DeliveryInput): readonly DeliveryEvent[] {
  switch (input.type) {
    case 'define':
      return define(state, input);
    case 'analysed':
      return judgeAnalysis(state, input);
    case 'tick':
    case 'restarted':
      return passTime(state, input);
    case 'applied':
      return acknowledge(state, input);
    case 'approve':
      return approve(known(state), input);
    case 'pause':
    case 'resume':
    case 'promote':
    case 'rollback':
    case 'new-attempt':
      return operate(known(state), { ...input, type: input.type });
    default:
      return input satisfies never;
  }
}

function known(state: DeliveryState): DefinedState {
  if (state.phase !== 'absent') return state;
  throw new DecisionRefusedError('unknown-experiment', 'There is no experiment of this key; apply its file first');
}
