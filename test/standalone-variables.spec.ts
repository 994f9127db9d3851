import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { standalone } from '#apps/standalone';
import { processVariables, type App } from '#libs/platform';
import { apps } from '../tools/docs/pages.js';

const folder = mkdtempSync(join(tmpdir(), 'teststrip-variables-'));
writeFileSync(join(folder, 'templates.yaml'), 'subject: "{{experiment}}"');
afterAll(() => rmSync(folder, { recursive: true }));

/** What a variable is refused without. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  SCORER_S3_ENDPOINT: { SCORER_S3_BUCKETS: 'bucket' },
  SCORER_GS_BUCKETS: { SCORER_GS_KEY_FILE: '/keys/scorer.json' },
  ROUTER_UNITS_NAMED_BY: { ROUTER_TRUSTED_PROXIES: '10.0.0.0/8' },
  SCORER_GS_ENDPOINT: { SCORER_GS_KEY_FILE: '/keys/scorer.json' },
  NOTIFY_EMAIL: { NOTIFY_SMTP: 'smtp://mail.example.com', NOTIFY_FROM: 'teststrip@example.com' },
  NOTIFY_SMTP: { NOTIFY_FROM: 'teststrip@example.com' },
  NOTIFY_FROM: { NOTIFY_SMTP: 'smtp://mail.example.com' },
  GATES: { NOTIFY_SECRET: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz' },
};

/** A value other than the default for every variable that an app reads by itself. */
const OTHER_VALUES: Readonly<Record<string, string>> = {
  ROUTER_PORT: '18080',
  ROUTER_ADMIN_PORT: '18086',
  ROUTER_ID: 'router-of-berlin',
  ROUTER_UPSTREAMS: 'upscale=http://esrgan:8000',
  ROUTER_ROUTES: 'upscale=/v1/upscale',
  UPSTREAM_HOSTS: 'esrgan:8000,*.gpu.example.com',
  ROUTER_UPSTREAM_TIMEOUT_MS: '1234',
  ROUTER_UPSTREAM_IDLE_MS: '1235',
  ROUTER_UPSTREAM_CONNECTIONS: '12',
  ROUTER_UPSTREAM_QUEUE: '13',
  ROUTER_TRUSTED_PROXIES: '10.0.0.0/8',
  ROUTER_UNITS_NAMED_BY: 'proxies',
  ROUTER_CLIENT_REQUESTS: '64',
  ROUTER_COOKIE_KEY: 'a-key-of-sixteen-characters',
  ROUTER_USER_HEADER: 'x-user',
  ROUTER_SESSION_HEADER: 'x-session',
  ROUTER_OVERRIDE_TOKEN: 'a-token-of-sixteen-characters',
  ROUTER_BREAK_GLASS_TOKEN: 'a-token-of-sixteen-characters',
  ROUTER_DRAIN_MS: '1',
  ROUTER_SHADOW_BUSY_ABOVE: '1',
  ROUTER_WEIGHTS: '/etc/teststrip/weights.yaml',
  SCORER_PORT: '18083',
  SCORER_GROUP: 'other-scorer',
  SCORER_MODEL_DIR: '/models/other',
  SCORER_ENGINE: 'onnx',
  SCORER_PREPROCESSING: 'fast',
  SCORER_PRECISION: 'f16',
  SCORER_THREADS: '3',
  SCORER_IMAGE_ROOTS: '/pictures/of/scorer',
  SCORER_IMAGE_HOSTS: 'pictures.example',
  SCORER_MAX_IMAGE_BYTES: '1000',
  SCORER_MAX_IMAGE_PIXELS: '1000',
  SCORER_S3_BUCKETS: 'bucket',
  SCORER_S3_ENDPOINT: 'http://127.0.0.1:9000',
  SCORER_GS_BUCKETS: 'bucket',
  SCORER_GS_KEY_FILE: '/keys/scorer.json',
  SCORER_GS_ENDPOINT: 'http://127.0.0.1:4443',
  SCORER_FETCH_TIMEOUT_MS: '17',
  SCORER_FETCH_DEADLINE_MS: '18',
  SCORER_FETCHED_BYTES: '1000',
  SCORER_DECODE_THREADS: '4',
  SCORER_FETCH_CONCURRENCY: '2',
  SCORER_SAMPLE_RATE: '0.5',
  SCORER_SAMPLE_ABOVE_LAG: '77',
  ANALYZER_PORT: '18084',
  ANALYZER_SHARE: 'partitions',
  ANALYZER_EVERY_MS: '51',
  ANALYZER_SNAPSHOT_EVERY_MS: '1001',
  ANALYZER_LEADERLESS_AFTER_MS: '1002',
  DECISION_PORT: '18081',
  DECISION_HEARTBEAT_MS: '1003',
  DECISION_TICK_MS: '1004',
  DECISION_ANALYSIS_SILENT_MS: '1005',
  DECISION_LATE_AFTER_MS: '1006',
  GATES: 'load-test=https://ci.example.com/gate',
  GATE_TIMEOUT_MS: '1009',
  GATE_ASK_AGAIN_MS: '1010',
  NOTIFY_WEBHOOK: 'slack:https://hooks.slack.example/services/x',
  NOTIFY_EMAIL: 'team@example.com',
  NOTIFY_SMTP: 'smtp://other.example.com',
  NOTIFY_FROM: 'other@example.com',
  NOTIFY_TEMPLATES: join(folder, 'templates.yaml'),
  NOTIFY_SECRET: 'whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz',
  NOTIFY_ON: 'held,rolled-back',
  NOTIFY_PAGE_URL: 'https://teststrip.example.com',
  NOTIFY_ATTEMPTS: '3',
  NOTIFY_TIMEOUT_MS: '1007',
  NOTIFY_RETRY_AFTER_MS: '1008',
  RECORDER_PORT: '18085',
  RECORDER_KEEP_DAYS: '3',
  RECORDER_KEEP_EMBEDDING_DAYS: '2',
  REPORTS_PORT: '18082',
  REPORTS_PICTURE_ROOTS: '/pictures/of/reports',
  REPORTS_DECISION_URL: 'http://decision.example.com:8081',
  FEEDBACK: 'open',
  REPORTS_CLIENT_FEEDBACK: '7',
  REPORTS_TRUSTED_PROXIES: '10.0.0.0/8',
  PARTITIONS: '7',
  DATA_DIR: '/data/other',
  HOST: '0.0.0.0',
};

const parts = apps.filter(({ name }) => name !== 'inference');

/** What a part of standalone is started with. */
function planInStandalone(name: string, environment: Readonly<Record<string, string>>): unknown {
  const { http, settings } = standalone.plan(environment).find((planned) => planned.name === name)!.plan;
  return { http, settings };
}

function planAlone(app: App, environment: Readonly<Record<string, string>>): unknown {
  const { http, settings } = app.plan(environment);
  return { http, settings };
}

const own = (app: App): string[] => Object.keys(app.groups[0]!.variables);

describe.each(parts.map((app) => [app.name, app] as const))('the %s in standalone', (name, app) => {
  it('has the defaults that it has alone', () => {
    expect(planInStandalone(name, {})).toEqual(planAlone(app, {}));
  });

  it.each(['DATA_DIR', 'PARTITIONS'])('is given %s, where it reads it, as it is alone', (variable) => {
    const environment = { [variable]: OTHER_VALUES[variable]! };
    expect(planInStandalone(name, environment)).toEqual(planAlone(app, environment));
  });

  it.each([...own(app), 'HOST'])('is given %s as it is alone', (variable) => {
    const value = OTHER_VALUES[variable];
    expect(value, `a value for ${variable} is missing in this test`).toBeDefined();
    const needed = NEEDED[variable] ?? {};
    const environment = { ...needed, [variable]: value! };
    expect(planInStandalone(name, environment)).toEqual(planAlone(app, environment));
    expect(planInStandalone(name, environment)).not.toEqual(planInStandalone(name, needed));
  });
});

describe('standalone', () => {
  it('reads every variable that one of its parts reads', () => {
    const listed = new Set(standalone.groups.flatMap(({ variables }) => Object.keys(variables)));
    const read = parts.flatMap(({ groups }) => groups.flatMap(({ variables }) => Object.keys(variables)));
    expect(read.filter((variable) => !listed.has(variable))).toEqual([]);
    expect([...listed]).toEqual(expect.arrayContaining(Object.keys(processVariables)));
  });

  it('leaves out what runs as a process of its own', () => {
    const names = standalone.plan({ WITHOUT: 'scorer' }).map(({ name }) => name);
    expect(names).toHaveLength(parts.length - 1);
    expect(names).not.toContain('scorer');
  });

  it('names everything that is wrong with any part, and no secret', () => {
    const environment = {
      DECISION_PORT: 'x',
      ROUTER_UPSTREAMS: 'upscale',
      ROUTER_OVERRIDE_TOKEN: 'too-short',
      BUS: 'kafka',
      DATABASE_URL: 'mysql://user:secret-word@host/db',
    };
    let message = '';
    try {
      standalone.plan(environment);
    } catch (error) {
      message = (error as Error).message;
    }
    for (const name of [...Object.keys(environment).filter((key) => key !== 'BUS'), 'KAFKA_BROKERS'])
      expect(message).toContain(name);
    expect(message).not.toMatch(/secret-word|too-short/);
  });
});
