import { createHash } from 'node:crypto';
import { MILLION, parsedJson } from '#libs/contracts';
import type { AskedGate, DefinedState, GateAnswer } from '#libs/delivery';
import { bytesUpTo, retryAfterMs } from '#libs/platform';
import { z } from 'zod';
import { NotDeliveredError } from '../notifying/not-delivered-error.js';
import { experimentLink } from '../notifying/experiment-link.js';
import { postSigned } from '../notifying/signed-post.js';
import type { GateSettings } from './gate-settings.js';

/** A gate of an experiment that has to be asked. */
export interface GateQuestion {
  readonly state: DefinedState;
  readonly asked: AskedGate;
}

/** Longest answer that is read, in bytes. */
const LONGEST_ANSWER = 16 * 1_024;
const LONGEST_REASON = 500;

const gateAnswerBody = z.object({ answer: z.enum(['approve', 'deny', 'wait']), reason: z.string().default('') });

export interface HeardGate {
  readonly answer: GateAnswer;
  readonly reason: string;
  /** How long it asks to be left alone; 0 where it does not. */
  readonly retryAfterMs: number;
}

/**
 * Asks a gate once.
 * @throws NotDeliveredError where it gives no answer
 */
export async function askGate(
  url: string,
  question: GateQuestion,
  settings: GateSettings,
  signal: AbortSignal,
): Promise<HeardGate> {
  const body = JSON.stringify(bodyOf(question, settings.pageUrl));
  const response = await postSigned(url, { id: idOf(question), body, secret: settings.secret }, signal);
  const text = await textOf(response);
  if (!response.ok) throw new NotDeliveredError(`answered with status ${response.status}, expected 200 to 299`);
  const read = gateAnswerBody.safeParse(parsedJson(text));
  if (!read.success)
    throw new NotDeliveredError('answered something else than {"answer": "approve", "reason": "…"} (or deny, or wait)');
  const { answer, reason } = read.data;
  return { answer, reason: plainText(reason), retryAfterMs: retryAfterMs(response.headers.get('retry-after')) };
}

/** The same however often, and by whomever, it is asked. */
export function idOf({ state, asked }: GateQuestion): string {
  const { stage, when, gate, askedAtMs } = asked;
  const what = JSON.stringify([state.experiment, state.revision, stage, when, gate, askedAtMs]);
  return `gate_${createHash('sha256').update(what).digest('hex').slice(0, 32)}`;
}

function bodyOf({ state, asked }: GateQuestion, pageUrl: string | undefined): unknown {
  const { experiment, revision, spec } = state;
  const { stage, when, gate, askedAtMs } = asked;
  const { kind, service, control, ramp } = spec;
  return {
    type: `gate.${when}`,
    timestamp: new Date(askedAtMs).toISOString(),
    data: {
      gate,
      when,
      experiment,
      service,
      kind,
      revision,
      stage: { index: stage, of: ramp.stages.length, weightPpm: ramp.stages[stage]?.weightPpm ?? 0 },
      weightsPpm: 'weightsPpm' in state ? state.weightsPpm : { [control]: MILLION },
      variants: spec.variants,
      link: experimentLink(pageUrl, experiment) ?? null,
    },
  };
}

async function textOf(response: Response): Promise<string> {
  const bytes = await bytesUpTo(LONGEST_ANSWER, response);
  if (bytes === undefined) throw new NotDeliveredError(`answered with more than ${LONGEST_ANSWER} bytes`);
  return bytes.toString('utf8');
}

/** What stands in the log, on terminals and in messages: short, in one line, and without what terminals obey. */
export function plainText(text: string): string {
  return text
    .slice(0, LONGEST_REASON)
    .replaceAll(/[\p{C}\s]+/gu, ' ')
    .trim();
}
