import { describe, expect, it } from 'vitest';
import { createEventBus } from './create-event-bus.js';
import { ensureTopics, unitPartitions } from './ensure-topics.js';

describe('the topics of a system', () => {
  it('keep their number of partitions when another one is wanted later, and that number is told', async () => {
    const bus = await createEventBus({ carrier: 'memory' });
    expect(await ensureTopics(bus, 4)).toBe(4);
    expect(await ensureTopics(bus, 8)).toBe(4);
    expect(await unitPartitions(bus)).toBe(4);
  });

  it('get as many partitions as those that are there, so that the events of one unit still meet', async () => {
    const bus = await createEventBus({ carrier: 'memory' });
    await bus.createTopics([{ name: 'request.routed.v1', partitions: 3, compacted: false }]);
    expect(await ensureTopics(bus, 4)).toBe(3);
    expect(await bus.partitionsOf('image.scored.v1')).toBe(3);
    expect(await bus.partitionsOf('allocation.commanded.v1')).toBe(1);
  });

  it('are refused where one that is not keyed by unit has several, with what to do', async () => {
    const bus = await createEventBus({ carrier: 'memory' });
    await bus.createTopics([{ name: 'allocation.commanded.v1', partitions: 3, compacted: true }]);
    await expect(ensureTopics(bus, 4)).rejects.toThrow(/allocation\.commanded\.v1 has 3.*kafka-topics\.sh --delete/);
  });

  it('are refused where their numbers differ, with what to do', async () => {
    const bus = await createEventBus({ carrier: 'memory' });
    await bus.createTopics([
      { name: 'request.routed.v1', partitions: 4, compacted: false },
      { name: 'image.scored.v1', partitions: 6, compacted: false },
    ]);
    const problem =
      /request\.routed\.v1 has 4, image\.scored\.v1 has 6.* give all of them 6 \(kafka-topics\.sh --alter .* --partitions 6\)/;
    await expect(ensureTopics(bus, 4)).rejects.toThrow(problem);
    await expect(unitPartitions(bus)).rejects.toThrow(problem);
  });
});
