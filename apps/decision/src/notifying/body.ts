import { number, percent } from '#libs/delivery';
import { mailMessage } from './email/mail-message.js';
import type { DecidingNumbers, DecisionNotice } from './notice.js';
import type { Receiver } from './receivers.js';
import { isWorded, worded, type Manner, type Templates, type Wording } from './templates.js';

/** What a receiver is told. */
export interface Told {
  readonly notice: DecisionNotice;
  /** To the experiment's page; undefined where nobody has said where it is. */
  readonly link: string | undefined;
  readonly notificationId: string;
}

interface Voice {
  /** Absent: as usual. */
  readonly templates?: Templates | undefined;
  /** The sender's address of mails. */
  readonly from?: string | undefined;
}

/** What is posted to a receiver, or mailed, byte for byte. */
export function bodyFor(receiver: Receiver, told: Told, { templates, from }: Voice): string {
  const own = templates && isWorded(templates, told.notice.decision) ? templates : undefined;
  switch (receiver.form) {
    case 'slack':
      return JSON.stringify(own ? slackInOwnWords(told, own) : slackBody(told));
    case 'webhook':
      return JSON.stringify(webhookBody(told, own));
    case 'email':
      return mailBody(told, { templates: own ?? {}, from: from ?? receiver.address, to: receiver.address });
    default:
      return receiver satisfies never;
  }
}

/** As Standard Webhooks recommends: what kind of event, when, and its data. */
function webhookBody({ notice, link }: Told, own: Templates | undefined): unknown {
  const said = own ? wordsOf(notice, link, own, AS_IT_IS) : {};
  const data = { ...notice, link: link ?? null, ...said };
  return { type: `experiment.${notice.decision}`, timestamp: notice.decidedAt, data };
}

function mailBody(
  { notice, link, notificationId }: Told,
  { templates, from, to }: { readonly templates: Templates; readonly from: string; readonly to: string },
): string {
  const { experiment, revision, decidedAt } = notice;
  return mailMessage({
    ...wordsOf(notice, link, templates, AS_IT_IS),
    from,
    to,
    id: notificationId,
    thread: `${experiment}.${revision}`,
    atMs: Date.parse(decidedAt),
  });
}

function wordsOf(notice: DecisionNotice, link: string | undefined, templates: Templates, manner: Manner): Wording {
  const { decision, experiment, service, kind, revision, message, actor, decidedAt, numbers, causes, weightsPpm } =
    notice;
  const fields = {
    decision: decision.replaceAll('-', ' '),
    experiment,
    service: service ?? 'unknown service',
    kind: kind ?? '',
    revision: String(revision),
    message,
    numbers: numbers === null ? '' : numbersInWords(numbers),
    causes: causes.join(', '),
    shares: Object.entries(weightsPpm ?? {})
      .map(([variant, ppm]) => `${variant} ${percent(ppm)}`)
      .join(', '),
    actor,
    decidedAt,
    link: link ?? '',
  };
  return worded(templates, decision, fields, manner);
}

const AS_IT_IS: Manner = { plain: (value) => value };

/** So much of a text for people to read; what Slack refuses is {@link LONGEST_TEXT}. */
const LONGEST_MESSAGE = 2_000;
/** Longest text of a block that Slack takes, in characters as they are sent: escaped, and with what a template says around them. */
const LONGEST_TEXT = 3_000;

/** What the template itself says may mention somebody or link somewhere; what it is filled with may not. */
function slackInOwnWords({ notice, link }: Told, templates: Templates): unknown {
  const manner = {
    plain: (value: string) => plain(cut(value)),
    marked: (template: string) => withLinks(template, link !== undefined),
  };
  const { subject, text } = wordsOf(notice, link, templates, manner);
  return { text: subject, blocks: [section(`*${subject}*\n${text}`)] };
}

/** An address in a template, with the fields in it, or the field of the link by itself; not where it is marked as a link already. */
const ADDRESS =
  /(?<![<|])(?:https?:\/\/(?:\{\{[^{}]*\}\}|[^\s<>|{}])*(?:\{\{[^{}]*\}\}|[^\s<>|{}.,;:!?)'"])|\{\{\s*link\s*\}\})/g;

/** Slack makes links of nothing in it that is not marked as one. */
function withLinks(template: string, hasLink: boolean): string {
  return template.replaceAll(ADDRESS, (address) => (address.startsWith('http') || hasLink ? `<${address}>` : address));
}

function cut(text: string): string {
  return text.length > LONGEST_MESSAGE ? `${text.slice(0, LONGEST_MESSAGE)}…` : text;
}

function slackBody({ notice, link }: Told): unknown {
  const { experiment, service, message, actor } = notice;
  const title = `${experiment} (${service ?? 'unknown service'}): ${notice.decision.replaceAll('-', ' ')}`;
  const said = cut(message);
  const numbers = notice.numbers === null ? [] : [section(plain(numbersInWords(notice.numbers)))];
  const foot = `${plain(actor)} · ${notice.decidedAt}${link === undefined ? '' : ` · <${link}|Open the page>`}`;
  return {
    text: plain(`${title}: ${said}`),
    blocks: [
      section(`*${plain(title)}*\n${plain(said)}`),
      ...numbers,
      { type: 'context', elements: [asWritten(foot)] },
    ],
  };
}

function section(text: string): unknown {
  return { type: 'section', text: asWritten(text) };
}

/** Slack makes no links of addresses in it, nor mentions of names: those that are marked as such alone. */
function asWritten(text: string): unknown {
  return { type: 'mrkdwn', text: withinBlock(text), verbatim: true };
}

/** A longer one Slack refuses for ever (`invalid_blocks`). No escape, link or character is cut in two. */
function withinBlock(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  return `${text.slice(0, LONGEST_TEXT - 1).replace(/(?:&[a-z]{0,3}|<[^<>]*|[\ud800-\udbff])$/, '')}…`;
}

function numbersInWords(numbers: DecidingNumbers): string {
  const { metric, variant, units, lnE, control, candidate, unit, interval, effect, scale } = numbers;
  const amount = (value: number): string => `${number(value)}${unit === null ? '' : ` ${unit}`}`;
  return [
    ...(metric === null ? [] : [metric]),
    ...(candidate === null ? [] : [`${variant ?? 'candidate'} ${amount(candidate)}`]),
    ...(control === null ? [] : [`compared with ${amount(control)}`]),
    ...(effect === null ? [] : [`${scale ?? 'effect'} ${number(effect)}`]),
    ...(interval === null ? [] : [`interval ${number(interval.low)} to ${number(interval.high)}`]),
    `${number(units)} units`,
    ...(lnE === null ? [] : [`ln E ${number(lnE)}`]),
  ].join(' · ');
}

/** Text that mentions nobody and links nowhere, as Slack asks. */
function plain(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
