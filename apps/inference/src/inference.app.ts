import { needsBus } from '#libs/messaging';
import { defineApp, needsAssignmentCheck } from '#libs/platform';
import { inferenceApi } from './api.js';
import { inferenceSettings, inferenceVariables } from './configuration.js';
import { InferenceModule } from './inference.module.js';

/** A simulated diffusion service, to try the rest with. */
export const inferenceApp = defineApp({
  name: 'inference',
  summary: 'a simulated service that makes pictures',
  variables: inferenceVariables,
  port: 'INFERENCE_ADMIN_PORT',
  needs: { bus: needsBus, assignmentKey: needsAssignmentCheck },
  settings: inferenceSettings,
  module: (settings, { bus, assignmentKey }) => InferenceModule.register({ ...settings, assignmentKey }, bus),
  expose: (nest) => nest.get(InferenceModule).facts,
  addresses: (adminUrl, { url }) => ({
    url: { what: 'pictures: POST /v1/services/{service}/generations', url },
    admin: { what: 'health and metrics', url: adminUrl },
  }),
  facts: ({ fingerprint }) => ({ fingerprint }),
  api: inferenceApi,
});
