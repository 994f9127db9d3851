import { count, share } from './format.js';
import { reasons } from './reasons.js';

/** What the codes of the system are called on the page: a sign, a word, and the tone they are drawn in. */
export const phases = {
  draft: { sign: '○', word: 'draft', tone: 'quiet' },
  running: { sign: '▶', word: 'running', tone: 'busy' },
  held: { sign: '❚❚', word: 'held', tone: 'warn' },
  paused: { sign: '❚❚', word: 'paused', tone: 'warn' },
  promoted: { sign: '✓', word: 'promoted', tone: 'good' },
  'rolled-back': { sign: '↩', word: 'rolled back', tone: 'bad' },
  concluded: { sign: '■', word: 'concluded', tone: 'quiet' },
};

export const verdicts = {
  harmful: { sign: '✕', word: 'harmful', tone: 'bad' },
  'non-inferior': { sign: '✓', word: 'non-inferior', tone: 'good' },
  superior: { sign: '★', word: 'superior', tone: 'good' },
  undecided: { sign: '…', word: 'undecided', tone: 'quiet' },
  unmeasurable: { sign: '?', word: 'unmeasurable', tone: 'warn' },
};

export const pictureMarks = {
  wrong: { sign: '✕', word: 'wrong', tone: 'bad' },
  blank: { sign: '✕', word: 'blank', tone: 'bad' },
};

/** Why a picture has no score. */
export const scoreOutcomes = {
  blank: 'there is nothing on it',
  flagged: 'the service’s own safety checker flagged it',
  unavailable: 'the scorer could not get the picture',
  late: 'the scorer did not get the picture in time',
  'digest-mismatch': 'the file is not the picture that was announced',
  undecodable: 'the file is no picture',
  unsupported: 'the scorer does not read its format',
  refused: 'the picture is larger than the scorer accepts',
  unscorable: 'the model can tell nothing of it',
};

/** Of the weighted objectives of an ab test. */
export const utilityVerdicts = {
  better: { sign: '★', word: 'better', tone: 'good' },
  'practically-equal': { sign: '≈', word: 'practically equal', tone: 'quiet' },
  futile: { sign: '■', word: 'no gain that matters', tone: 'quiet' },
  worse: { sign: '✕', word: 'worse', tone: 'bad' },
  undecided: { sign: '…', word: 'undecided', tone: 'quiet' },
  unmeasurable: { sign: '?', word: 'unmeasurable', tone: 'warn' },
};

/** A pause because the numbers can't be trusted is a hold; a pause is what an operator orders. */
export function commandBadge({ command, reason }) {
  return command === 'pause' && reason === 'health-hold' ? { ...commands.pause, word: 'hold' } : commands[command];
}

const commands = {
  start: { sign: '▶', word: 'start', tone: 'busy' },
  advance: { sign: '↗', word: 'advance', tone: 'busy' },
  promote: { sign: '✓', word: 'promote', tone: 'good' },
  rollback: { sign: '↩', word: 'roll back', tone: 'bad' },
  pause: { sign: '❚❚', word: 'pause', tone: 'warn' },
  resume: { sign: '▶', word: 'resume', tone: 'busy' },
  'drop-arm': { sign: '✕', word: 'drop arm', tone: 'bad' },
  conclude: { sign: '■', word: 'conclude', tone: 'quiet' },
};

/** What a terminal command made of the experiment. */
export const endings = {
  promote: { sign: '✓', word: 'promoted', tone: 'good' },
  rollback: { sign: '↩', word: 'rolled back', tone: 'bad' },
  conclude: { sign: '■', word: 'concluded', tone: 'quiet' },
};

/** Why a command was given. */
export const commandReasons = {
  started: 'the experiment starts',
  'budget-proven': 'proven harmless enough for this share',
  'all-guardrails-non-inferior': 'every guardrail is proven to hold',
  harmful: 'harm is proven',
  'health-hold': 'the numbers can’t be trusted',
  'health-recovered': 'the numbers can be trusted again',
  inconclusive: 'inconclusive',
  deadline: 'the deadline has passed',
  superior: 'proven better on the objectives',
  futile: 'no gain that matters is left',
  operator: 'an operator’s order',
};

/** In words; a code may name the metric it is about ("no-data: alignment"). */
export function reasonText(code) {
  const [reason, about] = code.split(': ');
  const words = reasons[reason] ?? reason;
  return about === undefined ? words : `${about}: ${words}`;
}

const health = {
  ok: { sign: '✓', word: 'ok', tone: 'good' },
  mismatch: { sign: '✕', word: 'mismatch', tone: 'bad' },
  gap: { sign: '✕', word: 'gap', tone: 'bad' },
  'not-enough-data': { sign: '…', word: 'not enough data', tone: 'quiet' },
  'scores-silent': { sign: '✕', word: 'scorer silent', tone: 'bad' },
  'telemetry-silent': { sign: '✕', word: 'telemetry silent', tone: 'bad' },
  'no-traffic': { sign: '…', word: 'no traffic', tone: 'quiet' },
  'none-found': { sign: '✓', word: 'none found', tone: 'good' },
  found: { sign: '!', word: 'found', tone: 'warn' },
  inconsistent: { sign: '✕', word: 'inconsistent', tone: 'bad' },
  mended: { sign: '!', word: 'mended', tone: 'warn' },
};

export function healthWord(status) {
  return health[status] ?? { sign: '?', word: status, tone: 'warn' };
}

/** "text-to-image", "slot portraits of text-to-image": whose traffic it splits, and of what its shares are shares. */
export function whereOf({ service, slot }) {
  return slot === null ? service : `slot ${slot} of ${service}`;
}

/** What to do where reading needs a token. */
export const NO_TOKEN = 'sign in with a token that may read this, or let reading be open (OPEN_READS=true)';

/** What to do where somebody may not judge pictures. */
export const NO_REVIEWER =
  'Judging takes a name: sign in with a token that has the role reviewer on the service, or a higher one.';

/** What a stage asks of people who judge pictures. */
export function askedWords({ weightPpm, judgements, given }) {
  return `The step to ${share(weightPpm)} of the traffic takes ${judgements} judgements of pictures, from everybody together: ${given} so far`;
}

/** What the ramp waits for beside proofs and people: a gate, and what it said last. */
export function gateWords({ stage, when, gate, answer, reason }, { spec }) {
  const weight = share(spec.ramp.stages[stage]?.weightPpm ?? 0);
  const step = when === 'before' ? weight : `what follows ${weight}`;
  const why = reason === '' ? '' : `: “${reason}”`;
  switch (answer) {
    case null:
      return `Before ${step} the ramp waits for gate ${gate}, which has not answered yet`;
    case 'deny':
      return `Gate ${gate} denies ${step}${why}. Take it out of the file, promote, or roll back`;
    case 'none':
      return `Before ${step} the ramp waits for gate ${gate}, which gives no answer${why}`;
    default:
      return `Before ${step} the ramp waits for gate ${gate}, which says to wait${why}`;
  }
}

/** Requests of a candidate that have had no answer for long: what is slow is told last, so its share does not rise before. */
export function unansweredWords({ candidate, requests, seconds, expected }) {
  return `${count(requests)} requests of ${candidate} have had no answer for more than ${seconds} s (by control it would be ${count(Math.round(expected))}): its share does not rise before they end`;
}
