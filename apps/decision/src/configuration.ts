import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigurationError, documented, upstreamHostsVariable, variables } from '#libs/platform';
import { readGate, type GateSettings } from './gates/gate-settings.js';
import { NOTICE_KINDS } from './notifying/notice.js';
import type { NotifySettings } from './notifying/notify-settings.js';
import { isMailbox, readMailServer, type MailSettings } from './notifying/email/mail-server.js';
import { readMailbox, readReceiver, toldApart, type Receiver } from './notifying/receivers.js';
import { readTemplates, type Templates } from './notifying/templates.js';

/** A text that is read as a whole. @param readOne says what is wrong where it can't be read */
const oneOf = <One>(readOne: (text: string) => One | string) =>
  z.string().transform((text, context): One => {
    const read = readOne(text);
    if (typeof read !== 'string') return read;
    context.addIssue({ code: 'custom', message: read });
    return z.NEVER;
  });

/** Entries of a list, each read by itself. */
const listOf = <One>(readOne: (text: string) => One | string) => variables.list.pipe(z.array(oneOf(readOne)));

const gates = listOf(readGate).transform((named, context): ReadonlyMap<string, string> => {
  const urls = new Map<string, string>();
  for (const [name, url] of named) {
    if (urls.has(name)) context.addIssue({ code: 'custom', message: `${name} is named twice` });
    urls.set(name, url);
  }
  return urls;
});

/** Variables of the decision service. */
export const decisionVariables = {
  DECISION_PORT: documented(variables.port.default(8081), 'Port of its API; 0 takes any free one.'),
  UPSTREAM_HOSTS: upstreamHostsVariable,
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
  GATES: documented(
    gates.default(new Map()),
    'Comma-separated gates that ramps may have to pass, by the names that files use, with the addresses where they are asked: `load-test=https://ci.example.com/gate`.',
    { secret: true, defaultIs: 'none' },
  ),
  GATE_TIMEOUT_MS: documented(
    variables.milliseconds.min(10).default(10_000),
    'Milliseconds that a gate may take for its answer.',
  ),
  GATE_ASK_AGAIN_MS: documented(
    variables.milliseconds.min(10).default(10_000),
    'Pause in milliseconds before a gate that wants to wait is asked again, and at most after one that gives no answer.',
  ),
  NOTIFY_WEBHOOK: documented(
    listOf<Receiver>(readReceiver).default([]),
    'Comma-separated addresses that are told of decisions, each by a signed POST of JSON; with `slack:` in front by a message for Slack (`slack:https://hooks.slack.com/services/…`).',
    { secret: true, defaultIs: 'nobody is told' },
  ),
  NOTIFY_EMAIL: documented(
    listOf<Receiver>(readMailbox).default([]),
    'Comma-separated mail addresses that are told of decisions, each by a mail of its own: `team@example.com`. Needs `NOTIFY_SMTP` and `NOTIFY_FROM`.',
    { defaultIs: 'nobody is told' },
  ),
  NOTIFY_SMTP: documented(
    oneOf(readMailServer).optional(),
    'The mail server that takes them: `smtp://user:password@mail.example.com:587` encrypts by STARTTLS, or sends nothing; `smtps://…` from the start (port 465); `smtp://localhost:25?tls=off` not at all, and without a password.',
    { secret: true, defaultIs: 'none' },
  ),
  NOTIFY_FROM: documented(
    z.string().refine(isMailbox, 'expected a mail address such as teststrip@example.com').optional(),
    'Address that mails are from.',
    { defaultIs: 'none' },
  ),
  NOTIFY_TEMPLATES: documented(
    z.string().min(1).optional(),
    'File (YAML or JSON) that says how notifications are worded: `subject`, `text`, and `on` for single decisions.',
    { defaultIs: 'as usual' },
  ),
  NOTIFY_SECRET: documented(
    z
      .string()
      .regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/, 'expected whsec_ and at least 24 random bytes in base64')
      .optional(),
    'With which the bodies for webhooks and gates are signed (Standard Webhooks): `whsec_` and 24 to 64 random bytes in base64. Needed with a gate, and with a webhook that is not Slack.',
    { secret: true, defaultIs: 'none' },
  ),
  NOTIFY_ON: documented(
    variables.list.pipe(z.array(z.enum(NOTICE_KINDS))).default([...NOTICE_KINDS]),
    `Comma-separated decisions that are told: ${NOTICE_KINDS.map((kind) => `\`${kind}\``).join(', ')}.`,
    { defaultIs: 'all' },
  ),
  NOTIFY_PAGE_URL: documented(
    variables.url.optional(),
    'Where people read the page, for links in notifications: `https://teststrip.example.com`.',
    { defaultIs: 'no links' },
  ),
  NOTIFY_ATTEMPTS: documented(
    variables.integer.min(1).max(100).default(20),
    'Attempts after which a notification is reported as undeliverable; 20 take about two hours.',
  ),
  NOTIFY_TIMEOUT_MS: documented(
    variables.milliseconds.min(10).default(10_000),
    'Milliseconds that a receiver may take for its answer.',
  ),
  NOTIFY_RETRY_AFTER_MS: documented(
    variables.milliseconds.min(10).default(1_000),
    'Pause in milliseconds after the first failed attempt; each later one is twice as long, up to ten minutes.',
  ),
} as const;

type Config = z.output<z.ZodObject<typeof decisionVariables>>;

/** How one is made. */
const A_SECRET = 'expected such as NOTIFY_SECRET="whsec_$(openssl rand -base64 32)", the same at its receivers';

/** @throws ConfigurationError where a gate would be asked without a signature */
export function gateSettings(config: Config): GateSettings {
  const { GATES: urls, NOTIFY_SECRET: secret } = config;
  if (secret === undefined && urls.size > 0)
    throw new ConfigurationError([`NOTIFY_SECRET=(not set): a gate in GATES needs it; ${A_SECRET}`]);
  return {
    urls,
    secret,
    timeoutMs: config.GATE_TIMEOUT_MS,
    askAgainMs: config.GATE_ASK_AGAIN_MS,
    pageUrl: config.NOTIFY_PAGE_URL,
  };
}

/** @throws ConfigurationError where a webhook would be posted to without a signature, mails lack a server, or templates can't be used */
export function notifySettings(config: Config): NotifySettings {
  const { NOTIFY_WEBHOOK: told, NOTIFY_EMAIL: mailed, NOTIFY_SECRET: secret } = config;
  if (secret === undefined && told.some(({ form }) => form === 'webhook'))
    throw new ConfigurationError([`NOTIFY_SECRET=(not set): a webhook in NOTIFY_WEBHOOK needs it; ${A_SECRET}`]);
  return {
    receivers: toldApart([...told, ...mailed]),
    mail: mailSettings(config),
    templates: templatesIn(config.NOTIFY_TEMPLATES),
    secret,
    on: config.NOTIFY_ON,
    pageUrl: config.NOTIFY_PAGE_URL,
    attempts: config.NOTIFY_ATTEMPTS,
    timeoutMs: config.NOTIFY_TIMEOUT_MS,
    retryAfterMs: config.NOTIFY_RETRY_AFTER_MS,
  };
}

function mailSettings({
  NOTIFY_EMAIL: told,
  NOTIFY_SMTP: server,
  NOTIFY_FROM: from,
}: Config): MailSettings | undefined {
  if (server !== undefined && from !== undefined) return { server, from };
  if (told.length === 0) return undefined;
  const missing = server === undefined ? 'NOTIFY_SMTP' : 'NOTIFY_FROM';
  throw new ConfigurationError([`${missing}=(not set): addresses in NOTIFY_EMAIL need it`]);
}

function templatesIn(file: string | undefined): Templates | undefined {
  if (file === undefined) return undefined;
  const refused = (faults: readonly string[]): ConfigurationError =>
    new ConfigurationError(faults.map((fault) => `NOTIFY_TEMPLATES=${file}: ${fault}`));
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw refused([(error as Error).message]);
  }
  const read = readTemplates(text);
  if ('length' in read) throw refused(read);
  return read;
}
