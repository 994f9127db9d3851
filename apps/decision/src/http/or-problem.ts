import { DecisionRefusedError, type RefusalCode } from '#libs/delivery';
import { ProblemException } from '#libs/platform';
import { LogLockedError } from '../deciding/bounded-transaction.js';
import { SeenBeforeError } from '../deciding/decisions.js';
import { UnstorableDecisionError } from '../deciding/decision-log.js';
import { QuarantinedError } from '../deciding/quarantine.js';

/** Most locks are held for a transaction. Who asks again has the order decided then. */
const AGAIN_AFTER_S = 1;

const TITLES: Readonly<Record<number, string>> = {
  403: 'Not allowed',
  404: 'Unknown experiment',
  409: 'Not in this state',
  422: 'The experiment can not be started like this',
};

const TITLES_BY_CODE: Readonly<Partial<Record<RefusalCode, string>>> = {
  'unknown-service': 'Unknown service',
  'slots-overlap': 'The service can not be divided like this',
};

/** Runs an order; what the decision core refuses becomes problem+json with the core's own reason. */
export async function orProblem<T>(order: () => Promise<T>): Promise<T> {
  try {
    return await order();
  } catch (error) {
    if (error instanceof QuarantinedError) {
      throw new ProblemException({
        type: 'urn:teststrip:refused:quarantined',
        title: 'Quarantined',
        status: 409,
        detail: error.message,
      });
    }
    if (error instanceof UnstorableDecisionError) {
      throw new ProblemException({ title: "The order can't be kept", status: 422, detail: error.message });
    }
    if (error instanceof SeenBeforeError) {
      throw new ProblemException({ title: 'Something was decided since', status: 412, detail: error.message });
    }
    if (error instanceof LogLockedError) {
      const problem = { title: 'Locked by another session', status: 503, detail: error.message };
      throw new ProblemException(problem, AGAIN_AFTER_S);
    }
    if (!(error instanceof DecisionRefusedError)) throw error;
    const status = statusOf(error);
    throw new ProblemException({
      type: `urn:teststrip:refused:${error.code}`,
      title: TITLES_BY_CODE[error.code] ?? TITLES[status] ?? 'Refused',
      status,
      detail: error.message,
    });
  }
}

function statusOf({ code }: DecisionRefusedError): 403 | 404 | 409 | 422 {
  if (code === 'own-approval') return 403;
  if (code === 'unknown-experiment' || code === 'unknown-service') return 404;
  return code === 'no-canary-stage' || code === 'slots-overlap' ? 422 : 409;
}
