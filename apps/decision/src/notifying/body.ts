import { number } from '#libs/delivery';
import type { DecidingNumbers, DecisionNotice } from './notice.js';
import type { Receiver } from './receivers.js';

/** What is posted to a receiver. @param link to the experiment's page; undefined where nobody has said where it is */
export function bodyFor(form: Receiver['form'], notice: DecisionNotice, link: string | undefined): string {
  return JSON.stringify(form === 'slack' ? slackBody(notice, link) : webhookBody(notice, link));
}

/** As Standard Webhooks recommends: what kind of event, when, and its data. */
function webhookBody(notice: DecisionNotice, link: string | undefined): unknown {
  const data = { ...notice, link: link ?? null };
  return { type: `experiment.${notice.decision}`, timestamp: notice.decidedAt, data };
}

/** Longest text of a block that Slack takes is 3,000 characters; escaping makes some of them longer. */
const LONGEST_MESSAGE = 2_000;

function slackBody(notice: DecisionNotice, link: string | undefined): unknown {
  const { experiment, service, message, actor } = notice;
  const title = `${experiment} (${service ?? 'unknown service'}): ${notice.decision.replaceAll('-', ' ')}`;
  const said = message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE)}…` : message;
  const numbers = notice.numbers === null ? [] : [section(plain(numbersInWords(notice.numbers)))];
  const foot = `${plain(actor)} · ${notice.decidedAt}${link === undefined ? '' : ` · <${link}|Open the page>`}`;
  return {
    text: plain(`${title}: ${said}`),
    blocks: [
      section(`*${plain(title)}*\n${plain(said)}`),
      ...numbers,
      { type: 'context', elements: [{ type: 'mrkdwn', text: foot }] },
    ],
  };
}

function section(text: string): unknown {
  return { type: 'section', text: { type: 'mrkdwn', text } };
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
