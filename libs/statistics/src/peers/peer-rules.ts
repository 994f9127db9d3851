import { growthBookSafeRollout, growthBookSequential } from './growthbook-rule.js';
import type { PeerRule } from './peer-rule.js';

export type { PeerDecision, PeerRule, PeerRun, PeerSituation } from './peer-rule.js';

/** The peers' decision rules, in the order of a table. */
export const peerRules: readonly PeerRule[] = [growthBookSequential, growthBookSafeRollout];
