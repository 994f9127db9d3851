import { badge } from './badge.js';
import { h } from './dom.js';
import { evidenceChart } from './evidence-chart.js';
import { count, effect, estimate, marginOnScale, number } from './format.js';
import { intervalBar } from './interval-bar.js';
import { reasonText, verdicts } from './words.js';

const ROLE_ORDER = { guardrail: 0, objective: 1, watched: 2, observed: 3 };

/** Whether the observed metrics were unfolded: they are drawn anew with every analysis. */
let showsObserved = false;

/**
 * One row per metric and candidate: what decides first, then what is watched. What is only observed can be unfolded; what has no data is
 * named in a line.
 */
export function metricTable({ metrics, decidesAtLnE, candidates }, points) {
  if (metrics.length === 0)
    return h('p', { class: 'empty' }, 'Waiting for the first analysis: it comes with the first events.');
  const sorted = [...metrics].sort((a, b) => ROLE_ORDER[a.role] - ROLE_ORDER[b.role]);
  const observed = sorted.filter(({ role }) => role === 'observed');
  const table = (label, rows, caption) => metricRows(label, rows, caption, points, decidesAtLnE, candidates.length > 1);
  return [
    table(
      'Metrics',
      sorted.filter(({ role }) => role !== 'observed'),
      legend(),
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

function metricRows(label, rows, caption, points, decidesAtLnE, namesCandidate) {
  const heads = [
    'Metric',
    'Control',
    'Candidate',
    'Effect with interval',
    `ln E, decides at ${number(decidesAtLnE)}`,
    'Verdict',
  ];
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
        rows.map((metric) => row(metric, points, decidesAtLnE, namesCandidate)),
      ),
    ),
  );
}

function row(metric, points, decidesAtLnE, namesCandidate) {
  const { control, candidate } = metric.estimate;
  const margin = marginOnScale(metric);
  return h(
    'tr',
    { class: metric.verdict },
    h(
      'th',
      { scope: 'row' },
      metric.metric,
      namesCandidate ? h('span', { class: 'small' }, metric.candidate) : null,
      h('span', { class: 'small' }, `${metric.role} · ${metric.direction} is better`),
    ),
    h(
      'td',
      { class: 'figure' },
      estimate(control, metric),
      h('span', { class: 'small' }, `${count(metric.n.control.units)} units`),
    ),
    h(
      'td',
      { class: 'figure' },
      estimate(candidate, metric),
      h('span', { class: 'small' }, `${count(metric.n.candidate.units)} units`),
    ),
    h(
      'td',
      {},
      intervalBar(metric) ?? h('span', { class: 'small' }, whyNoInterval(metric)),
      h(
        'span',
        { class: 'small' },
        metric.estimate.effect === null ? '' : `${effect(metric.estimate.effect, metric)} · `,
        metric.interval ? `${effect(metric.interval.low, metric)} … ${effect(metric.interval.high, metric)} · ` : '',
        marginText(metric, margin),
      ),
    ),
    h(
      'td',
      {},
      evidenceChart(metric, points, decidesAtLnE),
      metric.lnE
        ? h(
            'span',
            { class: 'small' },
            h('span', { class: 'harm-text' }, `harm ${number(metric.lnE.harmful)}`),
            ' · ',
            h('span', { class: 'safe-text' }, `safe ${number(metric.lnE.nonInferior)}`),
          )
        : h('span', { class: 'small' }, '–'),
    ),
    h('td', {}, badge(verdicts[metric.verdict]), h('span', { class: 'small' }, reasonText(metric.reason))),
  );
}

function whyNoInterval({ missing, burnIn }) {
  if (missing?.interval === 'burn-in') return `an interval from ${burnIn.needed} units of each on`;
  return missing?.interval ? reasonText(missing.interval) : 'not enough data for an interval';
}

function marginText(metric, onScale) {
  if (metric.role === 'observed') return 'no margin';
  return onScale === null ? 'margin not known yet' : `margin ${effect(onScale, metric)}`;
}

function legend() {
  return 'Intervals hold at any time, however often they are looked at. Thin line: no difference. Dashed line: the margin; the shaded side is worse than it.';
}
