import { badge } from './badge.js';
import { h } from './dom.js';
import { gain as gainText } from './format.js';
import { paretoChart } from './pareto-chart.js';

/** Two objectives are drawn as a plane, any other number is a table; both say in words who is beaten by whom. */
export function paretoView({ candidates, pareto }, control) {
  const metrics = (candidates[0]?.gains ?? []).map(({ metric }) => metric);
  const points = pareto.map((place) => {
    const gains =
      candidates.find(({ candidate }) => candidate === place.variant)?.gains ?? metrics.map(() => AT_CONTROL);
    return { variant: place.variant, isControl: place.variant === control, gains, place: placeOf(place, gains) };
  });
  if (metrics.length !== 2) return [paretoTable(metrics, points)];
  return [
    h(
      'div',
      { class: 'pareto-view' },
      h(
        'figure',
        {},
        paretoChart(metrics, points),
        h(
          'figcaption',
          { class: 'small' },
          'Up and to the right is better. Filled, with a star, and along the dashed line: the front. Crosses: intervals; one without an end goes on beyond the view.',
        ),
      ),
      h(
        'ul',
        { class: 'places' },
        points.map(({ variant, place }) => h('li', {}, h('strong', {}, variant), ' ', ...placeWords(place))),
      ),
    ),
  ];
}

/** Control is compared with itself: no gain, known exactly. */
const AT_CONTROL = { estimate: 0, interval: { low: 0, high: 0 } };

const PLACES = {
  unknown: { sign: '…', word: 'not known yet', tone: 'quiet', note: 'not every gain has an estimate' },
  beaten: { sign: '✕', word: 'proven dominated', tone: 'bad' },
  front: {
    sign: '★',
    word: 'on the front',
    tone: 'good',
    note: 'no variant is estimated at least as good everywhere and better somewhere',
  },
  behind: {
    sign: '○',
    word: 'behind the front',
    tone: 'quiet',
    note: 'another variant is estimated at least as good everywhere and better somewhere',
  },
};

function placeOf({ onFront, surelyDominatedBy }, gains) {
  if (surelyDominatedBy.length > 0) {
    const note = `${surelyDominatedBy.join(' and ')} ${surelyDominatedBy.length === 1 ? 'is' : 'are'} proven better on every objective`;
    return { kind: 'beaten', ...PLACES.beaten, note };
  }
  const kind = gains.some(({ estimate }) => estimate === null) ? 'unknown' : onFront ? 'front' : 'behind';
  return { kind, ...PLACES[kind] };
}

function placeWords(place) {
  return [badge(place), h('span', { class: 'small' }, place.note)];
}

function paretoTable(metrics, points) {
  return h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Pareto view' },
    h(
      'table',
      { class: 'pareto-table' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          ['Variant', ...metrics, 'Place'].map((head) => h('th', { scope: 'col' }, head)),
        ),
      ),
      h(
        'tbody',
        {},
        points.map(({ variant, gains, isControl, place }) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, variant),
            gains.map((gain) => h('td', { class: 'figure' }, isControl ? '0 %' : gainCell(gain))),
            h('td', {}, ...placeWords(place)),
          ),
        ),
      ),
    ),
  );
}

function gainCell({ estimate, interval, isPoints = false }) {
  const said = (value) => gainText(value, isPoints);
  const range = interval === null ? 'no interval yet' : `${said(interval.low)} … ${said(interval.high)}`;
  return [said(estimate), h('span', { class: 'small' }, range)];
}
