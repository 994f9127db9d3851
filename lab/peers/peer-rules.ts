import { growthBookSafeRollout, growthBookSequential } from './growthbook-rule.js';
import { kayentaEveryMinute, kayentaFromFiftyMinutes } from './kayenta-rule.js';
import type { PeerRule } from './peer-rule.js';
import { pipeCd } from './pipecd-rule.js';
import { argoConsecutiveSuccess, argoRollouts, flagger, flaggerStepWeights } from './threshold-rules.js';

export type { PeerDecision, PeerRule, PeerRun, PeerSituation } from './peer-rule.js';

/** The peers' decision rules, in the order of a table. */
export const peerRules: readonly PeerRule[] = [
  growthBookSequential,
  growthBookSafeRollout,
  kayentaEveryMinute,
  kayentaFromFiftyMinutes,
  pipeCd,
  flagger,
  flaggerStepWeights,
  argoRollouts,
  argoConsecutiveSuccess,
];
