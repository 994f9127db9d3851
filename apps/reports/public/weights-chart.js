import { svg } from './dom.js';
import { clock, share } from './format.js';

const WIDTH = 720;
const HEIGHT = 210;
const LEFT = 52;
const RIGHT = 14;
const TOP = 14;
const BOTTOM = 26;
const LADDER_PPM = [10_000, 50_000, 250_000, 1_000_000];

/** Shares of the candidates over time, as steps. Logarithmic, so that 1 % and 5 % are seen as well as 50 % and 100 %. */
export function weightsChart(summary, nowMs) {
  const { decisions, candidates } = summary;
  const startMs = Date.parse(decisions[0].commandedAt);
  const ended = decisions.at(-1).terminal;
  const lastMs = Date.parse(decisions.at(-1).commandedAt);
  const endMs = Math.max(startMs + 10_000, ended ? lastMs + (lastMs - startMs) * 0.08 + 1_000 : nowMs);
  const x = (ms) => LEFT + ((ms - startMs) / (endMs - startMs)) * (WIDTH - LEFT - RIGHT);
  const lines = candidates.map((candidate, index) => steps(candidate, index, decisions, x, endMs));
  const picture = svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'weights', role: 'img', 'aria-label': describe(summary) },
    LADDER_PPM.map(gridLine),
    timeTicks(startMs, endMs, x),
    lines.flat(),
    decisions.map((decision) => mark(decision, candidates, x)),
  );
  return picture;
}

function steps(candidate, index, decisions, x, endMs) {
  let path = '';
  let ppm = 0;
  for (const decision of decisions) {
    const at = x(Date.parse(decision.commandedAt));
    path += path === '' ? `M ${at} ${y(0)}` : ` H ${at}`;
    ppm = decision.weightsPpm[candidate] ?? 0;
    path += ` V ${y(ppm)}`;
  }
  path += ` H ${x(endMs)}`;
  const tone = `line candidate-${index % 4}`;
  const area = index === 0 ? [svg('path', { d: `${path} V ${y(0)} Z`, class: 'area' })] : [];
  return [...area, svg('path', { d: path, class: tone, fill: 'none' })];
}

function mark(decision, candidates, x) {
  const ppm = Math.max(...candidates.map((candidate) => decision.weightsPpm[candidate] ?? 0));
  const words = `${clock(decision.commandedAt)} ${decision.command}: ${decision.message}`;
  return svg(
    'circle',
    { cx: x(Date.parse(decision.commandedAt)), cy: y(ppm), r: 4.5, class: `mark ${decision.command}` },
    svg('title', {}, words),
  );
}

function gridLine(ppm) {
  return svg(
    'g',
    { class: 'grid' },
    svg('line', { x1: LEFT, x2: WIDTH - RIGHT, y1: y(ppm), y2: y(ppm) }),
    svg('text', { x: LEFT - 8, y: y(ppm) + 4, 'text-anchor': 'end' }, share(ppm)),
  );
}

function timeTicks(startMs, endMs, x) {
  return [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const ms = startMs + (endMs - startMs) * part;
    const anchor = part === 0 ? 'start' : part === 1 ? 'end' : 'middle';
    return svg('text', { x: x(ms), y: HEIGHT - 8, 'text-anchor': anchor, class: 'tick' }, clock(ms));
  });
}

/** 0 at the bottom, then logarithmic from 0.5 % to 100 %. */
function y(ppm) {
  const height = HEIGHT - TOP - BOTTOM;
  const part = ppm <= 0 ? 0 : Math.max(0.06, 0.06 + (0.94 * Math.log(ppm / 5_000)) / Math.log(200));
  return TOP + height * (1 - part);
}

function describe({ candidates, weightsPpm, decisions }) {
  const now = candidates.map((candidate) => `${candidate} ${share(weightsPpm[candidate] ?? 0)}`).join(', ');
  return `Share of traffic over time, after ${decisions.length} commands: now ${now}`;
}
