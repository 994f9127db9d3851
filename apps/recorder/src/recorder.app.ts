import { connectEventBus, needsBus, needsOrderTrust } from '#libs/messaging';
import { needsDatabase } from '#libs/persistence';
import { createPositions } from '#libs/persistence/positions';
import { defineApp, EVERY_SERVICE, needsIdentities, needsUnitNames } from '#libs/platform';
import { recorderApi } from './api.js';
import { recorderVariables } from './configuration.js';
import { RecorderModule, type RecorderSettings } from './recorder.module.js';

const DAY_MS = 86_400_000;

/** The recorder: stores the events as facts in the database. */
export const recorderApp = defineApp({
  name: 'recorder',
  summary: 'stores the events',
  variables: recorderVariables,
  port: 'RECORDER_PORT',
  needs: {
    database: needsDatabase,
    bus: needsBus,
    trust: needsOrderTrust,
    identities: needsIdentities,
    unitNames: needsUnitNames,
  },
  settings: (config): RecorderSettings => ({
    group: 'recorder',
    keep: {
      factsMs: config.RECORDER_KEEP_DAYS * DAY_MS,
      embeddingsMs: Math.min(config.RECORDER_KEEP_EMBEDDING_DAYS, config.RECORDER_KEEP_DAYS) * DAY_MS,
    },
  }),
  module: (settings, parts) => RecorderModule.register({ ...settings, ...parts }),
  connect(nest, { group }, { bus, database, trust }) {
    const positionOf = createPositions(database, group).kept;
    connectEventBus(nest, { bus, group, trust, positionOf, probe: () => database.query('select 1') });
    return undefined;
  },
  // Facts are of all services.
  access: (_nest, { identities }) => ({ identities, servicesOf: () => [EVERY_SERVICE] }),
  api: recorderApi,
});
