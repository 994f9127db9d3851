import type { Admin } from 'kafkajs';
import { retryTransient } from './retry-transient.js';

/**
 * The first and the next offset of every partition of a topic. Right after a topic was created no broker leads it yet; kafkajs then takes
 * an empty answer apart, which is a moment like any other.
 * @throws after about 3 s of that
 */
export function topicEnds(
  admin: Pick<Admin, 'fetchTopicOffsets'>,
  topic: string,
): ReturnType<Admin['fetchTopicOffsets']> {
  return retryTransient(async () => {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      throw Object.assign(new Error(`no broker leads topic ${topic} yet`, { cause: error }), { retriable: true });
    }
  });
}
