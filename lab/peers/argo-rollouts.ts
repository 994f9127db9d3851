/** What became of one measurement of a metric. */
export type ArgoMeasurement = 'successful' | 'failed' | 'inconclusive' | 'error';

/** Conditions on the measured value; undefined: not written. */
export interface ArgoConditions {
  readonly success?: (value: number) => boolean;
  readonly failure?: (value: number) => boolean;
}

/**
 * How Argo Rollouts labels a measurement; null: the query failed. With both conditions a value that meets neither is inconclusive, and one that meets both has
 * failed; with one of them the other answer is its opposite; with none every value is a success.
 *
 * Docs: argo-rollouts.readthedocs.io/en/stable/features/analysis (failure conditions, inconclusive runs).
 */
export function argoMeasurement(value: number | null, { success, failure }: ArgoConditions): ArgoMeasurement {
  if (value === null) return 'error';
  if (failure?.(value)) return 'failed';
  if (success) return success(value) ? 'successful' : failure ? 'inconclusive' : 'failed';
  return 'successful';
}

export interface ArgoLimits {
  /** Measurements that may fail, whether or not in a row; −1: any number. Default 0. */
  readonly failureLimit?: number;
  /** Measurements that may be inconclusive. Default 0. */
  readonly inconclusiveLimit?: number;
  /** Errors in a row that are allowed. Default 4. */
  readonly consecutiveErrorLimit?: number;
  /** Successes in a row that end the analysis well; 0, the default: none do. */
  readonly consecutiveSuccessLimit?: number;
  /** Measurements after which the analysis is over, errors not counted; null: it goes on until it is stopped. */
  readonly count?: number | null;
}

/** `failed` and `error` abort the rollout, `inconclusive` pauses it until a person decides, `successful` lets it go on. */
export type ArgoPhase = 'running' | 'successful' | 'failed' | 'inconclusive' | 'error';

export interface ArgoCounts {
  readonly successful: number;
  readonly failed: number;
  readonly inconclusive: number;
  readonly consecutiveErrors: number;
  readonly consecutiveSuccesses: number;
}

export const NO_MEASUREMENTS: ArgoCounts = {
  successful: 0,
  failed: 0,
  inconclusive: 0,
  consecutiveErrors: 0,
  consecutiveSuccesses: 0,
};

/** Anything but an error ends a row of errors; anything but a success ends a row of successes. */
export function argoCounted(counts: ArgoCounts, measurement: ArgoMeasurement): ArgoCounts {
  const { successful, failed, inconclusive, consecutiveErrors, consecutiveSuccesses } = counts;
  return {
    successful: successful + Number(measurement === 'successful'),
    failed: failed + Number(measurement === 'failed'),
    inconclusive: inconclusive + Number(measurement === 'inconclusive'),
    consecutiveErrors: measurement === 'error' ? consecutiveErrors + 1 : 0,
    consecutiveSuccesses: measurement === 'successful' ? consecutiveSuccesses + 1 : 0,
  };
}

/**
 * Where an analysis of one metric stands: its limits in their order, failures first; then the successes in a row; then its count.
 *
 * Docs: as above, and the analysis template's specification. Where successes in a row are asked for and the count is reached without them, we assume that the
 * analysis is inconclusive: it was neither failed nor won.
 */
export function argoPhase(counts: ArgoCounts, limits: ArgoLimits): ArgoPhase {
  const {
    failureLimit = 0,
    inconclusiveLimit = 0,
    consecutiveErrorLimit = 4,
    consecutiveSuccessLimit = 0,
    count = null,
  } = limits;
  if (failureLimit >= 0 && counts.failed > failureLimit) return 'failed';
  if (counts.inconclusive > inconclusiveLimit) return 'inconclusive';
  if (counts.consecutiveErrors > consecutiveErrorLimit) return 'error';
  if (consecutiveSuccessLimit > 0 && counts.consecutiveSuccesses >= consecutiveSuccessLimit) return 'successful';
  if (count === null || counts.successful + counts.failed + counts.inconclusive < count) return 'running';
  return consecutiveSuccessLimit > 0 ? 'inconclusive' : 'successful';
}
