import { join } from 'node:path';
import { needsBus } from '#libs/messaging';
import { needsDatabase } from '#libs/persistence';
import { defineApp, needsIdentities } from '#libs/platform';
import { reportsApi } from './api.js';
import { reportsVariables } from './configuration.js';
import type { SummaryReader } from './summary/summary-reader.js';
import { SUMMARY_READER } from './tokens.js';
import { ReportsModule, type ReportsSettings } from './reports.module.js';

/** Reports: the live page, the figures behind it, and the door for feedback. */
export const reportsApp = defineApp({
  name: 'reports',
  summary: 'the live page of how experiments stand, picture by picture',
  variables: reportsVariables,
  port: 'REPORTS_PORT',
  needs: { database: needsDatabase, bus: needsBus, identities: needsIdentities },
  settings: (config): ReportsSettings => ({
    pictureRoots: config.REPORTS_PICTURE_ROOTS ?? [join(config.DATA_DIR, 'pictures')],
    liveEveryMs: 1_000,
  }),
  module: (settings, parts) => ReportsModule.register({ ...settings, ...parts }),
  access: (nest, { identities }) => ({
    identities,
    servicesOf: (request) => nest.get<SummaryReader>(SUMMARY_READER).servicesOf(request.params),
  }),
  api: reportsApi,
  nextSteps: ({ reports }) => [{ what: 'Open the live page', how: `${reports!.url}/` }],
});
