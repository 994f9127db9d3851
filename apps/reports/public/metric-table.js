import { badge } from './badge.js';
import { h } from './dom.js';
import { evidenceChart } from './evidence-chart.js';
import { clock, count, effect, estimate, marginOnScale, number } from './format.js';
import { intervalBar } from './interval-bar.js';
import { reasonText, verdicts } from './words.js';

const ROLE_ORDER = { guardrail: 0, objective: 1, watched: 2, observed: 3 };

/** Whether the observed metrics were unfolded: they are drawn anew with every analysis. */
let showsObserved = false;

/**
 * One row per metric and candidate: what decides first, then what is watched. What is only observed can be unfolded; what has no data is
 * named in a line.
 * @param ending the command that ended the experiment, if it has ended: the metric that decided is named as such.
 */
export function metricTable({ metrics, decidesAtLnE, candidates, analysedAt }, points, ending) {
  if (metrics.length === 0)
    return h('p', { class: 'empty' }, 'Waiting for the first analysis: it comes with the first events.');
  const sorted = [...metrics].sort((a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role]);
  const observed = sorted.filter(({ role }) => role === 'observed');
  const table = (label, rows, caption) =>
    metricRows({
      label,
      rows,
      caption,
      points,
      decidesAtLnE,
      namesCandidate: candidates.length > 1,
      ending,
      isOver: ending !== undefined,
    });
  return [
    ending ? h('p', { class: 'small' }, `As last analysed, at ${clock(analysedAt)}.`) : null,
    table(
      'Metrics',
      sorted.filter(({ role }) => role !== 'observed'),
      legend(sorted),
    ),
    observedMetrics(observed.filter(hasData), table),
    withoutData(observed.filter((metric) => !hasData(metric))),
  ].filter((part) => part !== null);
}

function hasData(metric) {
  const { control, candidate } = metric.n;
  return (
    control.events + candidate.events > 0 || metric.estimate.control !== null || metric.estimate.candidate !== null
  );
}

function observedMetrics(rows, table) {
  if (rows.length === 0) return null;
  const names = new Set(rows.map(({ metric }) => metric));
  return h(
    'details',
    { class: 'observed', open: showsObserved ? '' : null, ontoggle: ({ target }) => (showsObserved = target.open) },
    h('summary', {}, `${names.size} more ${names.size === 1 ? 'metric is' : 'metrics are'} only observed`),
    table('Observed metrics', rows, 'Estimated, not tested: the experiment does not name them.'),
  );
}

function withoutData(rows) {
  if (rows.length === 0) return null;
  const names = [...new Set(rows.map(({ metric }) => metric))];
  return h('p', { class: 'small' }, `Without data: ${names.join(', ')}.`);
}

/**
 * @param points the course of the metrics, for a curve of the evidence; none without.
 * @param isPaired the figures are of pairs, which have no intervals.
 * @param isOver what is not known is not to be waited for.
 */
export function metricRows({
  label,
  rows,
  caption,
  points = [],
  decidesAtLnE,
  namesCandidate,
  ending,
  isPaired = false,
  isOver = false,
}) {
  const heads = [
    'Metric',
    'Control',
    'Candidate',
    isPaired ? 'Difference' : 'Effect with interval',
    `ln E, decides at ${number(decidesAtLnE)}`,
    'Verdict',
  ];
  const decided = ({ metric, candidate }) =>
    ending?.evidence?.metric === metric && ending.evidence.candidate === candidate;
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label },
    h(
      'table',
      { class: 'metrics' },
      h('caption', {}, caption),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          heads.map((head) => h('th', { scope: 'col' }, head)),
        ),
      ),
      h(
        'tbody',
        {},
        rows.flatMap((metric) => [
          h(
            'tr',
            { class: metric.verdict },
            nameCell(metric, namesCandidate, decided(metric)),
            variantCell(metric, 'control', isPaired),
            variantCell(metric, 'candidate', isPaired),
            effectCell(metric, isPaired, isOver),
            evidenceCell(metric, points, decidesAtLnE),
            h('td', {}, badge(verdicts[metric.verdict]), h('span', { class: 'small' }, reasonText(metric.reason))),
          ),
          noteRow(metric, heads.length),
        ]),
      ),
    ),
  );
}

/** What the figures leave out, rest on, or are held against besides: below them. */
function noteRow({ notes = [] }, columns) {
  if (notes.length === 0) return null;
  return h(
    'tr',
    { class: 'notes' },
    h(
      'td',
      { colspan: columns },
      notes.map(({ isWarning, message }) =>
        h('p', { class: isWarning ? 'small warning' : 'small' }, isWarning ? '! ' : null, message),
      ),
    ),
  );
}

function nameCell({ metric, candidate, role, direction, isDryRun }, namesCandidate, decided) {
  return h(
    'th',
    { scope: 'row' },
    metric,
    namesCandidate ? h('span', { class: 'small' }, candidate) : null,
    h('span', { class: 'small' }, `${isDryRun ? 'dry run, decides nothing' : role} · ${direction} is better`),
    decided ? h('span', { class: 'small decided' }, 'ended the experiment') : null,
  );
}

function variantCell(metric, arm, isPaired) {
  return h(
    'td',
    { class: 'figure', 'data-head': arm === 'control' ? 'Control' : 'Candidate' },
    estimate(metric.estimate[arm], metric),
    h('span', { class: 'small' }, `${count(metric.n[arm].units)} ${isPaired ? 'pairs' : 'units'}`),
  );
}

function effectCell(metric, isPaired, isOver) {
  const { interval } = metric;
  const margin = marginText(metric, marginOnScale(metric), isOver);
  const said = [
    metric.estimate.effect === null ? null : effect(metric.estimate.effect, metric),
    interval && `${effect(interval.low, metric)} … ${effect(interval.high, metric)}`,
    margin,
  ].filter((part) => part !== null);
  return h(
    'td',
    { class: 'wide' },
    isPaired ? null : (intervalBar(metric, margin) ?? h('span', { class: 'small' }, whyNoInterval(metric))),
    h('span', { class: 'small' }, said.join(' · ')),
  );
}

function evidenceCell(metric, points, decidesAtLnE) {
  return h(
    'td',
    {},
    evidenceChart(metric, points, decidesAtLnE),
    metric.lnE
      ? h(
          'span',
          { class: 'small' },
          h('span', { class: 'harm-text' }, `harm ${number(metric.lnE.harmful)}${ofNeeded(metric)}`),
          ' · ',
          h('span', { class: 'safe-text' }, `safe ${number(metric.lnE.nonInferior)}`),
        )
      : h('span', { class: 'small' }, '–'),
  );
}

/** Harm decides later where the experiment shares its α. */
function ofNeeded({ harmAlpha }) {
  return harmAlpha === undefined ? '' : ` of ${number(-Math.log(harmAlpha))}`;
}

function whyNoInterval({ missing, burnIn }) {
  if (missing?.interval === 'burn-in') return `an interval from ${burnIn.needed} units of each on`;
  return missing?.interval ? reasonText(missing.interval) : 'not enough data for an interval';
}

/** The margin in words, or why there is none. @param isOver nothing more will come that could tell it, as after a shadow that nothing followed. */
export function marginText(metric, onScale, isOver) {
  if (metric.role === 'observed') return 'no margin';
  if (onScale !== null) return `margin ${effect(onScale, metric)}`;
  // A shift of a whole distribution is tested without one.
  if (metric.margin === null && metric.lnE !== null) return 'no margin';
  return isOver ? 'its margin was never known' : 'margin not known yet';
}

function legend(metrics) {
  const isShared = metrics.some(({ harmAlpha }) => harmAlpha !== undefined);
  const shared = isShared ? ' Guardrails share α: harm decides at the figure after “of”.' : '';
  return `Intervals hold at any time, however often they are looked at. Thin line: no difference. Dashed line: the margin; the shaded side is worse than it.${shared}`;
}
