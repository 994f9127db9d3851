import { documented, variables } from '#libs/platform';

/** Variables of the decision service. */
export const decisionVariables = {
  DECISION_PORT: documented(variables.port.default(8081), 'Port of its API; 0 takes any free one.'),
  DECISION_HEARTBEAT_MS: documented(
    variables.milliseconds.min(10).default(1_000),
    'Milliseconds between two signs of life for the routers.',
  ),
  DECISION_TICK_MS: documented(
    variables.milliseconds.min(5).default(200),
    'How late, in milliseconds, a deadline or the end of a hold may be noticed.',
  ),
  DECISION_ANALYSIS_SILENT_MS: documented(
    variables.milliseconds.min(100).default(60_000),
    'Milliseconds without an analysis after which a running ramp is held.',
  ),
  DECISION_LATE_AFTER_MS: documented(
    variables.milliseconds.min(100).default(10_000),
    'Not ready when for this long the clock has not been checked, no heartbeat has been published, or a command has waited to be published.',
  ),
} as const;
