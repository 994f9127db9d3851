import { topics, type KnownMetric } from '#libs/contracts';
import { connectEventBus, needsBus, needsOrderSigner, needsOrderTrust } from '#libs/messaging';
import { needsDatabase } from '#libs/persistence';
import { defineApp, needsIdentities, needsTracing, type Identities } from '#libs/platform';
import { decisionVariables, gateSettings, notifySettings } from './configuration.js';
import type { Decisions } from './deciding/decisions.js';
import { type ControllerLoop } from './controller-loop.js';
import { DecisionModule, type DecisionSettings } from './decision.module.js';
import { decisionApi } from './http/openapi.js';
import { servicesOfRequest } from './http/services-of-request.js';
import { CONTROLLER_LOOP, DECISIONS, KNOWN_METRICS } from './tokens.js';

/** An analysis holds all evidence of those before it: of thousands about one experiment a few are looked at, and others do not wait. */
const NEWEST = { [topics.experimentAnalysed.name]: 20 };

/** A rollback takes one or two at a time: that of its decision, and that of its way to the bus. */
const OWN_CONNECTIONS = 4;

/** The decision service: what experiments are, where they stand, and what is ordered. */
export const decisionApp = defineApp({
  name: 'decision',
  summary: "applies experiment files, shows their state, takes operators' orders",
  variables: decisionVariables,
  port: 'DECISION_PORT',
  needs: {
    database: needsDatabase,
    bus: needsBus,
    identities: needsIdentities,
    // Before the public keys: where the installation makes its own, they are read beside it.
    signer: needsOrderSigner,
    trust: needsOrderTrust,
    tracer: needsTracing,
  },
  settings: (config): DecisionSettings => ({
    group: 'decision',
    heartbeatEveryMs: config.DECISION_HEARTBEAT_MS,
    tickEveryMs: config.DECISION_TICK_MS,
    analysisSilentAfterMs: config.DECISION_ANALYSIS_SILENT_MS,
    lateAfterMs: config.DECISION_LATE_AFTER_MS,
    upstreamHosts: config.UPSTREAM_HOSTS,
    notify: notifySettings(config),
    gates: gateSettings(config),
  }),
  // Decisions don't wait for what others do with the process's connections: a recorder that catches up may have all of them.
  module: (settings, parts) =>
    DecisionModule.register({ ...settings, ...parts, database: parts.database.ahead(OWN_CONNECTIONS) }),
  connect(nest, { group }, { bus, database }) {
    connectEventBus(nest, { bus, group, newest: NEWEST, probe: () => database.query('select 1') });
    return undefined;
  },
  health: (nest) => nest.get<ControllerLoop>(CONTROLLER_LOOP).checks,
  access: (nest, { identities }) => ({
    identities,
    servicesOf: (request) =>
      servicesOfRequest(request, nest.get<Decisions>(DECISIONS), nest.get<readonly KnownMetric[]>(KNOWN_METRICS)),
  }),
  api: decisionApi,
  nextSteps: ({ decision }, { identities }) => [
    {
      what: 'Apply an experiment file',
      how: `curl --data-binary @experiment.yaml -H 'content-type: application/yaml'${tokenHeader(identities)} ${decision!.url}/v1/experiments`,
    },
  ],
});

/** How a person at this machine sends the installation's own token. */
function tokenHeader({ operatorTokenFile }: Pick<Identities, 'operatorTokenFile'>): string {
  return operatorTokenFile === undefined ? '' : ` -H "authorization: Bearer $(cat ${operatorTokenFile})"`;
}
