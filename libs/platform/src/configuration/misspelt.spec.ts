import { describe, expect, it } from 'vitest';
import { misspeltVariables } from './misspelt.js';
import { commonVariables, documented, variables } from './variables.js';

const groups = [
  {
    title: 'The router',
    variables: {
      ROUTER_PORT: documented(variables.port.default(8080), 'Port of the router.'),
      ROUTER_UPSTREAM_TIMEOUT_MS: documented(variables.milliseconds.default(60_000), 'Longest time of an answer.'),
      RECORDER_KEEP_DAYS: documented(variables.number.default(30), 'Age at which facts are deleted.'),
      SCORER_SAMPLE_RATE: documented(variables.number.default(1), 'Share that is scored.'),
      SCORER_SAMPLE_ABOVE_LAG: documented(variables.integer.optional(), 'From which backlog on less is scored.'),
      SCORER_MAX_IMAGE_BYTES: documented(variables.integer.default(1), 'Largest picture in bytes.'),
    },
  },
  { title: 'Every app', variables: commonVariables },
];

describe('a variable that nobody reads', () => {
  it.each([
    ['ROUTER_PROT', 'ROUTER_PORT'],
    ['PARTITION', 'PARTITIONS'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['Database_Url', 'DATABASE_URL'],
    ['SCORER_SAMPLERATE', 'SCORER_SAMPLE_RATE'],
    ['ROUTER_UPSTREAM_TIMEOUT', 'ROUTER_UPSTREAM_TIMEOUT_MS'],
    ['ROUTER_UPSTREAM_TIMEOUT_SECONDS', 'ROUTER_UPSTREAM_TIMEOUT_MS'],
    ['router_upstream_timeout_s', 'ROUTER_UPSTREAM_TIMEOUT_MS'],
    ['RECORDER_KEEP', 'RECORDER_KEEP_DAYS'],
    ['RECORDER_KEEP_HOURS', 'RECORDER_KEEP_DAYS'],
    ['SCORER_MAX_IMAGE_MB', 'SCORER_MAX_IMAGE_BYTES'],
    ['ROUTER_PORT_MS', 'ROUTER_PORT'],
    ['SCORER_SAMPLE', 'SCORER_SAMPLE_RATE or SCORER_SAMPLE_ABOVE_LAG'],
    ['SHUTDOWN_GRACE', 'SHUTDOWN_GRACE_MS'],
    ['TESTSTRIP_HOST', 'HOST'],
    ['TESTSTRIP_ROUTER_PORT', 'ROUTER_PORT'],
    ['ROUTER_LOG_LEVEL', 'LOG_LEVEL'],
  ])('%s is told with the one that was meant', (name, meant) => {
    expect(misspeltVariables(groups, { [name]: 'x' })).toEqual([
      `nothing reads the variable ${name}; did you mean ${meant}?`,
    ]);
  });

  it.each([
    'ROUTER_PORT',
    'ROUTER_PORT_8080_TCP_PORT',
    'ROUTER_SERVICE_PORT',
    'PATH',
    'BUSES',
    'EDITOR',
    'HOSTNAME',
    'ROUTER',
    'DATA',
    'HOME',
    'HOST_MS_X',
    'KAFKA_HOME',
    'LOG_DIR',
    'TESTSTRIP_OTHER',
  ])('%s is nobody’s mistake', (name) => {
    expect(misspeltVariables(groups, { [name]: 'x' })).toEqual([]);
  });
});
