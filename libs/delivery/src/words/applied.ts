import type { ExperimentSpec } from '#libs/contracts';
import { stageWeightPpm } from '../allocation.js';
import type { DeliveryEvent } from '../events.js';
import { percent } from './numbers.js';

/** What applying a file led to. */
export interface FileEffect {
  readonly what: 'unchanged' | 'policy-changed' | 'new-revision' | 'new-experiment';
  readonly message: string;
}

/**
 * What applying a file led to, in words: "policy changed: deadline 2 h → 4 h; evidence kept".
 * @param startsAnew metrics whose tests begin anew although the revision goes on.
 */
export function appliedInWords(events: readonly DeliveryEvent[], startsAnew: readonly string[]): FileEffect {
  for (const event of events) {
    if (event.type === 'policy-changed') {
      const kept =
        startsAnew.length === 0
          ? 'evidence kept'
          : `evidence kept, but for ${startsAnew.join(' and ')}: tested anew from now on, with units not seen before`;
      const message = `policy changed: ${listed(event.changes)}; ${kept}${lapsedInWords(event.lapsed, event.definition.spec)}`;
      return { what: 'policy-changed', message };
    }
    if (event.type !== 'defined') continue;
    const { revision, experiment } = event.definition;
    if (revision === 1) return { what: 'new-experiment', message: `new experiment ${experiment}` };
    const message = `new revision ${revision}: ${listed(event.changes)}; evidence starts anew`;
    return { what: 'new-revision', message };
  }
  return { what: 'unchanged', message: 'unchanged' };
}

/** "; what was approved was another policy: 10 % has to be approved again"; nothing where no approval has ended. */
export function lapsedInWords(lapsed: readonly number[] | undefined, spec: ExperimentSpec): string {
  if (lapsed === undefined || lapsed.length === 0) return '';
  const shares = lapsed.map((stage) => percent(stageWeightPpm(spec, stage)));
  return `; what was approved was another policy: ${shares.join(' and ')} has to be approved again`;
}

function listed(changes: readonly string[] = []): string {
  return changes.join(', ');
}
