import { svg } from './dom.js';
import { number } from './format.js';

const WIDTH = 150;
const HEIGHT = 40;

/** ln E of harm and of non-inferiority over time; the dashed line is where an e-process decides. */
export function evidenceChart(metric, points, decidesAtLnE) {
  const course = points
    .map(({ at, metrics }) => ({
      at: Date.parse(at),
      ...metrics.find((one) => one.metric === metric.metric && one.candidate === metric.candidate),
    }))
    .filter(({ lnEHarmful }) => lnEHarmful !== null && lnEHarmful !== undefined);
  if (course.length < 2) return null;
  const first = course[0].at;
  const span = Math.max(1, course.at(-1).at - first);
  const x = (at) => 2 + ((at - first) / span) * (WIDTH - 4);
  const top = decidesAtLnE * 1.5;
  const bottom = -decidesAtLnE * 0.7;
  const y = (lnE) => 3 + ((top - Math.min(top, Math.max(bottom, lnE))) / (top - bottom)) * (HEIGHT - 6);
  const line = (field, tone) =>
    svg('polyline', { points: course.map((point) => `${x(point.at)},${y(point[field])}`).join(' '), class: tone });
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'evidence', role: 'img', 'aria-label': describe(metric, decidesAtLnE) },
    svg('line', { x1: 0, x2: WIDTH, y1: y(0), y2: y(0), class: 'zero' }),
    svg('line', { x1: 0, x2: WIDTH, y1: y(decidesAtLnE), y2: y(decidesAtLnE), class: 'threshold' }),
    line('lnENonInferior', 'safe'),
    line('lnEHarmful', 'harm'),
  );
}

function describe({ lnE }, decidesAtLnE) {
  if (!lnE) return 'no evidence yet';
  return `ln E of harm ${number(lnE.harmful)}, of non-inferiority ${number(lnE.nonInferior)}; decided at ${number(decidesAtLnE)}`;
}
