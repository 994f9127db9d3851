import { shareNames } from './cells.js';
import { methods, type Standing } from './methods.js';
import { alphaOf, type ErrorRate, type KnownCell, standardError } from './rates.js';
import { shapeNames } from './shapes.js';
import { Drawing, type MarkerStyle } from './svg.js';
import { type CanaryResult, OUR_RULE } from './tasks.js';

const COLOUR: Readonly<Record<Standing, string>> = {
  decides: '#0969da',
  'does not decide': '#8c959f',
  peer: '#bc4c00',
};
const ALPHA_COLOUR = '#cf222e';
const GRID = '#e5e8eb';

/** Every error rate, one row per method, one panel per share; the largest of each with two standard errors. */
export function falseAlarmPlot(rates: readonly ErrorRate[]): string {
  const rows = [...new Set(rates.map(({ method }) => method))];
  const [left, panel, gap, top, step] = [270, 190, 22, 58, 21];
  const drawing = new Drawing(
    left + shareNames.length * (panel + gap) + 10,
    top + rows.length * step + 92,
    'False-alarm rates by method and share',
  );
  const bottom = top + rows.length * step;
  drawing.text(10, 20, 'Wrong decisions: share of runs, one mark per situation', { size: 15, isBold: true });
  rows.forEach((method, row) => {
    const y = top + (row + 0.5) * step;
    if (row % 2 === 0) drawing.rect([8, y - step / 2], drawing.width - 16, step, '#f6f8fa');
    const standing = rates.find((rate) => rate.method === method)?.standing ?? 'peer';
    drawing.text(left - 10, y + 4, method, { anchor: 'end', colour: COLOUR[standing] });
  });
  shareNames.forEach((share, index) => {
    const x0 = left + index * (panel + gap);
    const toX = (rate: number): number => x0 + panel * Math.sqrt(rate);
    drawing.text(x0 + panel / 2, top - 20, share === 'ramp' ? 'ramp 1 → 50 %' : `candidate's share ${share}`, {
      anchor: 'middle',
      isBold: true,
    });
    for (const tick of [0, 0.01, 0.05, 0.2, 0.5, 1]) {
      const isAlpha = tick === 0.05;
      drawing.line(
        [toX(tick), top - 4],
        [toX(tick), bottom],
        isAlpha ? ALPHA_COLOUR : GRID,
        isAlpha ? { dash: '4 3' } : {},
      );
      drawing.text(toX(tick), bottom + 16, tick === 0 || tick === 1 ? String(tick) : String(tick).slice(1), {
        anchor: 'middle',
        size: 10,
        colour: isAlpha ? ALPHA_COLOUR : '#57606a',
      });
    }
    rows.forEach((method, row) => {
      const ofRow = rates.filter((rate) => rate.method === method && rate.share === share);
      if (ofRow.length > 0) drawRates(drawing, ofRow, { y: top + (row + 0.5) * step, height: step, toX });
    });
  });
  const items: readonly (readonly [MarkerStyle, string])[] = [
    [{ shape: 'dot', colour: '#24292f' }, 'wrongly "harmful"'],
    [{ shape: 'ring', colour: '#24292f' }, 'wrongly "non-inferior" (promoted)'],
    [{ shape: 'square', colour: COLOUR.decides }, 'decides in Teststrip'],
    [{ shape: 'square', colour: COLOUR['does not decide'] }, 'is only shown or warns'],
    [{ shape: 'square', colour: COLOUR.peer }, "a peer's rule"],
  ];
  legend(drawing, bottom + 44, items);
  drawing.text(
    10,
    bottom + 76,
    'Square-root scale. Red: α. Bars: the largest rate of a row ± two binomial standard errors.',
    {
      size: 11,
      colour: '#57606a',
    },
  );
  return drawing.toString();
}

/** One row of a panel: a mark per rate, the error bar of the largest, and α where it isn't 5 %. */
function drawRates(
  drawing: Drawing,
  rates: readonly ErrorRate[],
  { y, height, toX }: { readonly y: number; readonly height: number; readonly toX: (rate: number) => number },
): void {
  const worst = rates.reduce((a, b) => (b.rate > a.rate ? b : a));
  const colour = COLOUR[(rates[0] as ErrorRate).standing];
  const error = 2 * standardError(worst.rate, worst.runs);
  drawing.line([toX(Math.max(0, worst.rate - error)), y], [toX(Math.min(1, worst.rate + error)), y], colour, {
    width: 2,
  });
  for (const { rate, decision } of rates) {
    drawing.marker(toX(rate), y, {
      shape: decision === 'harmful' ? 'dot' : 'ring',
      colour,
      size: 3,
      opacity: 0.75,
    });
  }
  const alpha = alphaOf(worst.method);
  if (alpha === 0.05) return;
  drawing.line([toX(alpha), y - height / 2], [toX(alpha), y + height / 2], ALPHA_COLOUR, { width: 2 });
}

const SERIES: readonly (readonly [string, MarkerStyle])[] = [
  [methods.betting, { shape: 'dot', colour: '#0969da' }],
  [methods.badEvents, { shape: 'square', colour: '#8250df' }],
  [methods.upperTail, { shape: 'square', colour: '#8250df' }],
  [methods.lowerTail, { shape: 'square', colour: '#8250df' }],
  ['GrowthBook sequential', { shape: 'diamond', colour: '#bc4c00' }],
  ['GrowthBook safe rollout', { shape: 'ring', colour: '#bc4c00' }],
];

/** Median events until harm is found: ours and GrowthBook's, one panel per shape. */
export function detectionPlot(cells: readonly KnownCell[]): string {
  const [left, panel, gap, top, height] = [56, 205, 16, 60, 250];
  const drawing = new Drawing(
    left + shapeNames.length * (panel + gap),
    top + height + 100,
    'Events until harm is found',
  );
  drawing.text(10, 20, 'Events until harm is found: median of the runs, both variants together', {
    size: 15,
    isBold: true,
  });
  const [least, most] = [Math.log(50), Math.log(30_000)];
  const toY = (events: number): number => top + height - (height * (Math.log(events) - least)) / (most - least);
  shapeNames.forEach((shape, index) => {
    const x0 = left + index * (panel + gap);
    drawing.text(x0 + panel / 2, top - 16, shape, { anchor: 'middle', isBold: true });
    for (const tick of [100, 300, 1_000, 3_000, 10_000, 30_000]) {
      drawing.line([x0, toY(tick)], [x0 + panel, toY(tick)], GRID);
      if (index === 0)
        drawing.text(x0 - 6, toY(tick) + 4, String(tick), { anchor: 'end', size: 10, colour: '#57606a' });
    }
    shareNames.forEach((share, column) => {
      const x = x0 + ((column + 0.5) * panel) / shareNames.length;
      drawing.text(x, top + height + 18, share, { anchor: 'middle', size: 11 });
      const found = cells.find(
        ({ cell }) => cell.kind === 'metric' && cell.truth === 'harm' && cell.shape === shape && cell.share === share,
      );
      if (!found) return;
      const shown = SERIES.filter(([name]) => found.result.methods.some(({ method }) => method === name));
      shown.forEach(([name, style], place) => {
        const at = found.result.methods.find(({ method }) => method === name)?.harmful?.medianEvents ?? null;
        const shift = 10 * (place - (shown.length - 1) / 2);
        if (at !== null) drawing.marker(x + shift, toY(at), style);
        else drawing.text(x + shift, top + 4, '↑', { anchor: 'middle', size: 14, colour: style.colour });
      });
    });
  });
  legend(drawing, top + height + 50, [
    [{ shape: 'dot', colour: '#0969da' }, 'betting'],
    [{ shape: 'square', colour: '#8250df' }, 'tilt (bad events, upper or lower tail)'],
    [{ shape: 'diamond', colour: '#bc4c00' }, 'GrowthBook sequential, at the same margin'],
    [{ shape: 'ring', colour: '#bc4c00' }, 'GrowthBook safe rollout, at 0'],
  ]);
  drawing.text(
    10,
    top + height + 86,
    'Logarithmic scale. ↑: fewer than half of the runs found it within 30,000 events.',
    {
      size: 11,
      colour: '#57606a',
    },
  );
  return drawing.toString();
}

const PEER_MARKS: readonly MarkerStyle[] = [
  { shape: 'diamond', colour: '#bc4c00' },
  { shape: 'triangle', colour: '#bc4c00' },
  { shape: 'diamond', colour: '#1a7f37' },
  { shape: 'triangle', colour: '#1a7f37' },
  { shape: 'square', colour: '#9a6700' },
  { shape: 'triangle', colour: '#8250df' },
  { shape: 'diamond', colour: '#8250df' },
  { shape: 'square', colour: '#57606a' },
  { shape: 'triangle', colour: '#57606a' },
];

/** Requests that showed the candidate before the decision, by candidate: ours from 1 % and 5 %, the peers at 5 %. */
export function exposurePlot(
  results: readonly { readonly candidate: string; readonly fromPpm: number; readonly result: CanaryResult }[],
): string {
  const names = [...new Set(results.map(({ candidate }) => candidate))];
  const peers = [...new Set(results.flatMap(({ result }) => result.rules.map(({ rule }) => rule)))].filter(
    (rule) => rule !== OUR_RULE,
  );
  const [left, width, top, step] = [220, 780, 64, 28];
  const legendRows = Math.ceil((peers.length + 3) / 3);
  const drawing = new Drawing(
    left + width + 30,
    top + names.length * step + 60 + 20 * legendRows,
    'Who has seen the candidate',
  );
  const bottom = top + names.length * step;
  const [least, most] = [Math.log(1), Math.log(50_000)];
  const toX = (exposed: number): number => left + (width * (Math.log(Math.max(1, exposed)) - least)) / (most - least);
  drawing.text(10, 20, 'Requests shown the candidate before it was decided, median', { size: 15, isBold: true });
  drawing.text(10, 40, 'Logarithmic scale; small and faint: promoted in half of the runs or more', {
    size: 11,
    colour: '#57606a',
  });
  for (const tick of [1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000]) {
    drawing.line([toX(tick), top], [toX(tick), bottom], GRID);
    drawing.text(toX(tick), bottom + 15, String(tick), { anchor: 'middle', size: 10, colour: '#57606a' });
  }
  names.forEach((name, row) => {
    const y = top + (row + 0.5) * step;
    drawing.line([left, y + step / 2], [left + width, y + step / 2], GRID);
    drawing.text(left - 10, y + 4, name, { anchor: 'end' });
    for (const { fromPpm, result } of results.filter(({ candidate }) => candidate === name)) {
      for (const { rule, exposed, promoted, runs } of result.rules) {
        const isOurs = rule === OUR_RULE;
        if (!isOurs && fromPpm !== 50_000) continue;
        const style = isOurs ? ourMark(fromPpm) : (PEER_MARKS[peers.indexOf(rule) % PEER_MARKS.length] as MarkerStyle);
        const isPromoted = promoted >= runs / 2;
        const shift = isOurs ? -5 : 5;
        drawing.marker(toX(exposed.median), y + shift, isPromoted ? { ...style, size: 3, opacity: 0.45 } : style);
      }
    }
  });
  const items: (readonly [MarkerStyle, string])[] = [
    [ourMark(10_000), 'Teststrip, ramp from 1 %'],
    [ourMark(50_000), 'Teststrip, ramp from 5 %'],
    ...peers.map((rule, index) => [PEER_MARKS[index % PEER_MARKS.length] as MarkerStyle, `${rule}, at 5 %`] as const),
  ];
  items.forEach(([style, label], index) => {
    const x = 20 + (index % 3) * 340;
    const y = bottom + 42 + 20 * Math.floor(index / 3);
    drawing.marker(x, y, style);
    drawing.text(x + 12, y + 4, label);
  });
  return drawing.toString();
}

function ourMark(fromPpm: number): MarkerStyle {
  return { shape: fromPpm === 10_000 ? 'dot' : 'ring', colour: '#0969da', size: 5 };
}

function legend(drawing: Drawing, y: number, items: readonly (readonly [MarkerStyle, string])[]): void {
  let x = 20;
  for (const [style, label] of items) {
    drawing.marker(x, y, style);
    drawing.text(x + 10, y + 4, label, { size: 11 });
    x += 34 + 6.2 * label.length;
  }
}
