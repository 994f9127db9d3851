import { createEventBus } from '#libs/messaging';
import { withDatabase } from '#libs/testing/database';
import { describeEventBus } from './event-bus-conformance.js';

describeEventBus('memory', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  return { newBus: () => Promise.resolve(bus), close: () => bus.close() };
});

describeEventBus('postgres', async () => {
  const database = await withDatabase();
  return {
    newBus: () => createEventBus({ carrier: 'postgres', database, checkEveryMs: 200 }),
    memberBus: { carrier: 'postgres', url: database.url },
    close: () => database.close(),
  };
});
