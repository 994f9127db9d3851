import type { ExperimentSpec } from '#libs/contracts';
import { stageWeightPpm } from '../allocation.js';
import type { GateSaid } from '../inputs.js';
import type { Gate } from '../state.js';
import { percent } from './numbers.js';
import { because } from './quote.js';

/** " Gates load-test and legal have approved."; nothing where there are none. */
export function approvedByGates(gates: readonly Gate[]): string {
  const names = gates.map(({ gate }) => gate);
  if (names.length === 0) return '';
  return ` ${names.length === 1 ? 'Gate' : 'Gates'} ${names.join(' and ')} ${names.length === 1 ? 'has' : 'have'} approved.`;
}

/** What a gate is asked about, and when. */
export function gateAskedInWords(spec: ExperimentSpec, { stage, when, gate }: Gate): string {
  const share = percent(stageWeightPpm(spec, stage));
  if (when === 'after')
    return `${share} was served as long as it was to be. The ramp waits for gate ${gate} before it goes on.`;
  if (stage === 0) return `Before ${share} is served, gate ${gate} is asked.`;
  return `Everything that ${share} takes is proven. The ramp waits for gate ${gate}.`;
}

/** What a gate has said, and what follows. */
export function gateAnsweredInWords(spec: ExperimentSpec, { stage, when, gate, answer, reason }: GateSaid): string {
  const share = percent(stageWeightPpm(spec, stage));
  const step = when === 'before' ? share : `what follows ${share}`;
  const meanwhile = 'The shares stay as they are; proven harm still rolls back.';
  switch (answer) {
    case 'approve':
      return `Gate ${gate} approves ${step}${because(reason)}`;
    case 'deny':
      return `Gate ${gate} denies ${step}${because(reason)}. It is not asked again: take it out of the file, promote, or roll back. ${meanwhile}`;
    case 'wait':
      return `Gate ${gate} lets ${step} wait${because(reason)}. It is asked again. ${meanwhile}`;
    case 'none':
      return `Gate ${gate} gives no answer about ${step}${because(reason)}. It is asked again, and the ramp goes on when it approves. ${meanwhile}`;
    default:
      return answer satisfies never;
  }
}
