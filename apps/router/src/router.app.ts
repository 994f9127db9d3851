import { needsOrderTrust, needsReconnectingBus } from '#libs/messaging';
import {
  defineApp,
  identitiesAnd,
  needsAssignmentKey,
  needsFeedbackTokens,
  needsIdentities,
  needsTracing,
  needsUnitNames,
} from '#libs/platform';
import { routerApi } from './api.js';
import { routerSettings, routerVariables } from './configuration.js';
import { RouterModule } from './router.module.js';
import type { Router } from './router.js';
import { BREAK_GLASS_TOKEN, ROUTER } from './tokens.js';

/** The router: draws the variant of every request, sends it on and tells how it ended. */
export const routerApp = defineApp({
  name: 'router',
  summary: "users' requests",
  variables: routerVariables,
  port: 'ROUTER_ADMIN_PORT',
  needs: {
    bus: needsReconnectingBus,
    identities: needsIdentities,
    trust: needsOrderTrust,
    feedback: needsFeedbackTokens,
    assignmentKey: needsAssignmentKey,
    unitNames: needsUnitNames,
    tracer: needsTracing,
  },
  settings: routerSettings,
  module: (settings, parts) => RouterModule.register({ ...settings, ...parts }),
  leave: (nest) => nest.get<Router>(ROUTER).leave(),
  health: (nest) => [{ name: 'state', failureMeans: 'not-ready', look: () => nest.get<Router>(ROUTER).stateFinding() }],
  access: (nest, { identities }) => ({
    identities: identitiesAnd(identities, nest.get<string | undefined>(BREAK_GLASS_TOKEN), 'operator'),
    servicesOf: ({ params: { service } }) => (typeof service === 'string' ? [service] : []),
  }),
  expose: (nest) => ({
    /** Where users' requests go, e.g. `http://127.0.0.1:8080/`. */
    url: nest.get<Router>(ROUTER).url,
  }),
  addresses: (adminUrl, { url }) => ({
    router: { what: "users' requests: POST /v1/services/{service}/…", url },
    routerAdmin: { what: 'the router for operators: health, metrics, allocations in force', url: adminUrl },
  }),
  api: routerApi,
  nextSteps: ({ router }) => [
    {
      what: 'Send a request, once an experiment or ROUTER_UPSTREAMS says who serves it',
      how: `curl ${router!.url}v1/services/text-to-image/generations -H 'content-type: application/json' -H 'teststrip-unit: user-1' -d '{"prompt": "a small red circle at the left"}'`,
    },
  ],
});
