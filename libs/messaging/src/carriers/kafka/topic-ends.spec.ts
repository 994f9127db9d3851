import { expect, it } from 'vitest';
import { topicEnds } from './topic-ends.js';

const ENDS = [{ partition: 0, offset: '7', high: '7', low: '3' }];

/** Answers as kafkajs does while no broker leads a topic: it takes an empty list apart. */
function leaderlessFor(times: number) {
  let asked = 0;
  return {
    fetchTopicOffsets: async () => {
      asked += 1;
      if (asked > times) return ENDS;
      const low: { partitions: typeof ENDS }[] = [];
      const { partitions } = low.pop() as { partitions: typeof ENDS };
      return partitions;
    },
    get asked() {
      return asked;
    },
  };
}

it('asks again while no broker leads the topic yet', async () => {
  const admin = leaderlessFor(2);
  expect(await topicEnds(admin, 'commands')).toBe(ENDS);
  expect(admin.asked).toBe(3);
});

it('says so when none does for long', async () => {
  await expect(topicEnds(leaderlessFor(99), 'commands')).rejects.toThrow('no broker leads topic commands yet');
});

it('repeats nothing else', async () => {
  const failing = { fetchTopicOffsets: () => Promise.reject(new Error('not allowed')) };
  await expect(topicEnds(failing, 'commands')).rejects.toThrow('not allowed');
});
