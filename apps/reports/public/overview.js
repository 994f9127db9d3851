import { badge } from './badge.js';
import { h } from './dom.js';
import { count, duration, share } from './format.js';
import { askedWords, gateWords, healthWord, phases, unansweredWords, whereOf } from './words.js';

/** Name, status and the ramp drawn as a test strip: each stage a little more exposed. */
export function heading(summary) {
  const { experiment, phase, kind, revision, unit, alpha, alphaPer } = summary;
  const level = `α ${share(alpha * 1e6)} ${alphaPer === 'experiment' ? 'shared by all guardrails' : 'per guardrail'}`;
  return [
    h('div', { class: 'title' }, h('h1', {}, experiment), badge(phases[phase])),
    h(
      'p',
      { class: 'small' },
      `${kind} on ${whereOf(summary)} · randomised by ${unit} · ${level} · revision ${revision}`,
    ),
    strip(summary),
  ];
}

function strip({ stage, phase, shadow }) {
  const isInShadow = shadow?.isUnderWay === true;
  const reached = phase === 'rolled-back' || phase === 'draft' || isInShadow ? -1 : stage.index;
  return h(
    'ol',
    { class: 'strip', 'aria-label': 'Stages of the ramp' },
    shadow === null ? null : shadowStep(shadow, isInShadow),
    shadow?.isAll
      ? null
      : stage.weightsPpm.map((ppm, index) =>
          h(
            'li',
            {
              class: `exposure-${Math.min(6, Math.round((index * 6) / Math.max(1, stage.weightsPpm.length - 1)))} ${index < reached ? 'done' : index === reached ? 'now' : 'ahead'}`,
              'aria-current': index === reached ? 'step' : null,
            },
            share(ppm),
          ),
        ),
  );
}

function shadowStep({ pairsWanted, candidates }, isInShadow) {
  const pairs = Math.min(...candidates.map(({ n }) => n));
  const progress = `${count(candidates.length === 0 ? 0 : pairs)} of ${count(pairsWanted)} pairs`;
  return h(
    'li',
    { class: `shadow exposure-0 ${isInShadow ? 'now' : 'done'}`, 'aria-current': isInShadow ? 'step' : null },
    isInShadow ? `shadow: ${progress}` : 'shadow',
  );
}

/** The figures one looks for first. */
export function tiles(summary) {
  const { candidates, weightsPpm, variants, exposed, timeToRollback, controller } = summary;
  const requests = variants.reduce((sum, variant) => sum + variant.requests, 0);
  const candidateShare = candidates.reduce((sum, candidate) => sum + (weightsPpm[candidate] ?? 0), 0);
  return h(
    'dl',
    { class: 'tiles' },
    tile('Share of the candidate', share(candidateShare)),
    tile('Requests', count(requests)),
    tile(
      'Exposed to the candidate',
      count(exposed),
      requests > 0 ? `${share((exposed / requests) * 1e6)} of all` : null,
    ),
    timeToRollback
      ? tile(
          'Detection to rollback',
          duration((timeToRollback.detectionToAppliedMs ?? timeToRollback.commandedToAppliedMs).p50),
          timeToRollback.detectionToAppliedMs
            ? `at most ${duration(timeToRollback.detectionToAppliedMs.max)}`
            : 'from the command',
        )
      : null,
    tile(
      'Controller',
      controller === null ? 'never heard' : controller.silentMs < 10_000 ? 'alive' : 'silent',
      controller && controller.silentMs >= 10_000 ? `for ${duration(controller.silentMs)}` : null,
    ),
  );
}

function tile(name, value, note = null) {
  return h('div', {}, h('dt', {}, name), h('dd', {}, value, note ? h('span', { class: 'small' }, note) : null));
}

/** What people should know although it decides nothing; warnings have a sign, what is still to come has none. */
export function noticeList({ notices, asked, experiment }) {
  return h(
    'ul',
    { class: 'notices' },
    notices.map(({ kind, message }) =>
      h('li', { class: isForecast(kind) ? 'small' : 'notice' }, isForecast(kind) ? null : '! ', message),
    ),
    asked === null
      ? null
      : h(
          'li',
          {},
          `${askedWords(asked)}. `,
          h('a', { href: `/review/${encodeURIComponent(experiment)}` }, 'Judge pictures'),
        ),
  );
}

/** What the ramp waits for, of an experiment as the decision service sees it: gates, and requests without an answer. */
export function waitList({ gates = [], unanswered = null, ...standing }) {
  const waits = gates.filter((gate) => gate.awaited).map((gate) => gateWords(gate, standing));
  if (unanswered !== null) waits.push(unansweredWords(unanswered));
  return waits.length === 0
    ? []
    : h(
        'ul',
        { class: 'notices' },
        waits.map((words) => h('li', { class: 'notice' }, words)),
      );
}

function isForecast(kind) {
  return kind === 'outlook' || kind === 'shadow';
}

/** Whether the numbers can be trusted, and what is wrong where they can't. */
export function healthList({ health, notes }) {
  if (health === null) return h('p', { class: 'empty' }, 'Not judged yet.');
  const { srm, coverage, staleness, shift, consistency } = health;
  const covered = Object.entries(coverage.byVariant)
    .map(([variant, part]) => `${variant} ${part === null ? '–' : share(part * 1e6)}`)
    .join(' · ');
  const split = Object.entries(srm.observed)
    .map(
      ([variant, units]) => `${variant} ${count(units)} of ${count(Math.round(srm.expected[variant] ?? 0))} expected`,
    )
    .join(' · ');
  return h(
    'ul',
    { class: 'health' },
    item('Sample ratio', srm.status, [split]),
    item('Coverage', coverage.status, [covered === '' ? 'scored pictures among those due' : `scored: ${covered}`]),
    item('Signals', staleness.status, [notes.signals]),
    consistency === undefined ? null : item('Reports', consistency.status, reportNotes(consistency.status, notes)),
    notes.mended.length === 0 ? null : item('Telemetry', 'mended', ['Read for what they mean:', ...notes.mended]),
    shift === undefined || shift.status === 'not-watched'
      ? null
      : item('Watched shifts', shift.status, [shift.metrics.join(', ')]),
  );
}

function reportNotes(status, { reports }) {
  if (reports.length > 0) return reports.map((sentence) => `${sentence}.`);
  return [status === 'ok' ? 'units of measure and configurations are as declared' : 'too few reports to compare yet'];
}

function item(name, status, notes) {
  return h(
    'li',
    {},
    h('strong', {}, name),
    ' ',
    badge(healthWord(status)),
    notes.filter((note) => note !== '').map((note) => h('span', { class: 'small' }, note)),
  );
}

/** Configuration and outcomes of every variant. */
export function variantTable({ variants }) {
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Variants' },
    h(
      'table',
      { class: 'variants' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Variant', 'Share', 'Requests', 'Units', 'Outcomes', 'Configuration'].map((head) =>
            h('th', { scope: 'col' }, head),
          ),
        ),
      ),
      h(
        'tbody',
        {},
        variants.map((variant) =>
          h(
            'tr',
            {},
            h(
              'th',
              { scope: 'row' },
              variant.variant,
              variant.variant === variant.role ? null : h('span', { class: 'small' }, variant.role),
            ),
            h('td', { class: 'figure' }, share(variant.weightPpm)),
            h('td', { class: 'figure' }, count(variant.requests)),
            h('td', { class: 'figure' }, count(variant.units)),
            h('td', {}, outcomes(variant.requestsByOutcome)),
            h(
              'td',
              { class: 'config' },
              Object.entries(variant.config)
                .map(([name, value]) => `${name} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
                .join(' · '),
            ),
          ),
        ),
      ),
    ),
  );
}

function outcomes(byOutcome) {
  const said = Object.entries(byOutcome).map(([outcome, requests]) => `${outcome} ${count(requests)}`);
  return said.length === 0 ? '–' : said.join(' · ');
}
