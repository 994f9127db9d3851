import { setTimeout as sleep } from 'node:timers/promises';
import { backOffMs } from '../../consume/back-off.js';

const MOST_ATTEMPTS = 6;

/**
 * Repeats what a broker refuses for the moment: right after a topic was created its leader does not answer yet, and kafkajs does not
 * repeat every request by itself.
 * @throws the last error, after about 3 s; any other error at once
 */
export async function retryTransient<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if ((error as { retriable?: boolean }).retriable !== true || attempt >= MOST_ATTEMPTS) throw error;
      await sleep(backOffMs(attempt));
    }
  }
}
