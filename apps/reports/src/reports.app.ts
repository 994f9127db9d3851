import { join } from 'node:path';
import { needsBus } from '#libs/messaging';
import { needsDatabase } from '#libs/persistence';
import { defineApp, isLoopback, needsFeedbackTokens, needsIdentities, needsIssuerSignIn } from '#libs/platform';
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
  needs: {
    database: needsDatabase,
    bus: needsBus,
    identities: needsIdentities,
    signIn: needsIssuerSignIn,
    tokens: needsFeedbackTokens,
  },
  settings: (config): ReportsSettings => ({
    pictureRoots: config.REPORTS_PICTURE_ROOTS ?? [join(config.DATA_DIR, 'pictures')],
    liveEveryMs: 1_000,
    decisionUrl: config.REPORTS_DECISION_URL ?? onThisMachine(config),
    feedback: config.FEEDBACK,
    clientFeedbackPerMinute: config.REPORTS_CLIENT_FEEDBACK,
    trustedProxies: config.REPORTS_TRUSTED_PROXIES,
  }),
  module: (settings, parts) => ReportsModule.register({ ...settings, ...parts }),
  access: (nest, { identities }) => ({
    identities,
    servicesOf: (request) => nest.get<SummaryReader>(SUMMARY_READER).servicesOf(request),
  }),
  api: reportsApi,
  nextSteps: ({ reports }) => [{ what: 'Open the live page', how: `${reports!.url}/` }],
});

/** Nobody knows the address of a service on any free port; and off loopback tokens go nowhere that nobody has named. */
function onThisMachine({
  HOST,
  DECISION_PORT: port,
}: Readonly<{ HOST: string; DECISION_PORT: number }>): string | undefined {
  return port === 0 || !isLoopback(HOST) ? undefined : `http://127.0.0.1:${port}`;
}
