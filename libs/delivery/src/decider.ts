import type { DeliveryEvent } from './events.js';
import { evolve } from './evolve.js';
import type { DeliveryInput } from './inputs.js';
import { approveStage } from './operator/approve.js';
import { archiveExperiment } from './operator/archive.js';
import { defineExperiment } from './operator/define.js';
import { dropArmByHand } from './operator/drop-arm.js';
import { endWithoutVerdict } from './operator/end.js';
import { beginNewAttempt } from './operator/new-attempt.js';
import { pauseRamp } from './operator/pause.js';
import { promoteCandidate } from './operator/promote.js';
import { DecisionRefusedError } from './operator/refusal.js';
import { resumeRamp } from './operator/resume.js';
import { rollBackToControl } from './operator/rollback.js';
import { judgeAnalysis, passTime } from './policy.js';
import { acknowledge } from './rules/acknowledge.js';
import { hearGate } from './rules/hear-gate.js';
import { reissueContested } from './rules/reissue.js';
import { initialState, type DefinedState, type DeliveryState } from './state.js';

/**
 * The decision core, whole: `decide` says what follows from an input in a state, `evolve` what the state is after it, and
 * `initialState` is where every experiment begins. All pure.
 */
export const decider = { decide, evolve, initialState } as const;

/**
 * What follows from an input in a state, as events. Deciding the same again after the events were applied yields nothing new, so
 * repeated and late messages do no harm.
 * @throws DecisionRefusedError for an operator's command that the state forbids; analyses, timers and acknowledgements never throw.
 */
function decide(state: DeliveryState, input: DeliveryInput): readonly DeliveryEvent[] {
  switch (input.type) {
    case 'analysed':
      return judgeAnalysis(state, input);
    case 'tick':
    case 'restarted':
      return passTime(state, input);
    case 'applied':
      return acknowledge(state, input);
    case 'contested':
      return reissueContested(state, input);
    case 'define':
      return defineExperiment(state, input);
    case 'gate-said':
      return hearGate(state, input);
    case 'approve':
      return approveStage(known(state), input);
    case 'pause':
      return pauseRamp(known(state), input);
    case 'resume':
      return resumeRamp(known(state), input);
    case 'promote':
      return promoteCandidate(known(state), input);
    case 'drop-arm':
      return dropArmByHand(known(state), input);
    case 'rollback':
      return rollBackToControl(known(state), input);
    case 'end':
      return endWithoutVerdict(known(state), input);
    case 'archive':
      return archiveExperiment(known(state), input);
    case 'new-attempt':
      return beginNewAttempt(known(state), input);
    default:
      return input satisfies never;
  }
}

function known(state: DeliveryState): DefinedState {
  if (state.phase !== 'absent') return state;
  throw new DecisionRefusedError('unknown-experiment', 'No experiment has this key; apply its file first');
}
