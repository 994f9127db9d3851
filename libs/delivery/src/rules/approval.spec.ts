import { describe, it } from 'vitest';
import {
  aMetric,
  analysed,
  approval,
  aSpec,
  aStage,
  define,
  explicitRamp,
  given,
  minutes,
  provenUpTo,
} from '#libs/testing/delivery';
import type { Analysed } from '../inputs.js';

const ASKING = explicitRamp(
  aStage(10_000),
  aStage(50_000, { approval: 'required', judgements: 30 }),
  aStage(1_000_000),
);
const gated = define(minutes(0), aSpec({ ramp: ASKING }));

/** Everything proven for every share, after so many judgements; `high`: where the interval of the preference ends. */
function proven(at: number, judgements: number | undefined, high = 0.2): Analysed {
  const metrics = [
    provenUpTo('alignment', 500_000),
    provenUpTo('error-rate', 500_000),
    aMetric('preference', { role: 'observed', verdict: 'undecided', lnE: null, interval: { low: -0.4, high } }),
  ];
  return analysed(minutes(at), metrics, judgements === undefined ? {} : { judgements: { candidate: judgements } });
}

describe('a stage that takes judgements for an approval', () => {
  it('waits for them, and says how many there are', () => {
    const message = /waits for 30 judgements of blinded pairs \(29 so far\), or a person, to approve 5 %\.$/;
    given(gated).when(proven(1, 29)).thenDecided({ type: 'approval-awaited', stage: 1, message });
    given(gated)
      .when(proven(1, undefined))
      .thenDecided({ type: 'approval-awaited', message: /\(0 so far\)/ });
    given(gated, proven(1, 29)).when(proven(2, 29)).thenNothing();
  });

  it('begins once they are there, without a person', () => {
    given(gated, proven(1, 29))
      .when(proven(2, 30))
      .thenDecided({
        type: 'advanced',
        command: { stage: 1, message: /\. 30 judgements of blinded pairs stand for the approval\.$/ },
      });
  });

  it('begins by a person’s word before', () => {
    given(gated, approval(minutes(1), 1))
      .when(proven(2, 3))
      .thenDecided({ type: 'advanced', command: { stage: 1 } });
  });

  it('waits for a person where the judgements prove that people prefer control', () => {
    const message = /waits for a person to approve 5 %: by 40 judgements of blinded pairs people prefer control/;
    given(gated)
      .when(proven(1, 40, -0.01))
      .thenDecided({ type: 'approval-awaited', stage: 1, message });
  });
});
