import { createEventBus } from '#libs/messaging';
import { withDatabase } from '#libs/testing/database';
import { describeEventBus } from './event-bus-conformance.js';

/** The same for all members of a group: each judges the others by its own. */
const HUNG_AFTER_MS = 4_000;

describeEventBus('memory', async () => {
  const bus = await createEventBus({ carrier: 'memory' });
  return { newBus: () => Promise.resolve(bus), close: () => bus.close() };
});

describeEventBus('postgres', async () => {
  const database = await withDatabase();
  return {
    newBus: () => createEventBus({ carrier: 'postgres', database, checkEveryMs: 200, hungAfterMs: HUNG_AFTER_MS }),
    memberBus: { carrier: 'postgres', url: database.url, hungAfterMs: HUNG_AFTER_MS },
    close: () => database.close(),
  };
});
