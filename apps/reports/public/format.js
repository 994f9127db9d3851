const NONE = '–';

/** "95 %", "0.5 %"; parts per million in. */
export function share(ppm) {
  if (ppm === null || ppm === undefined) return NONE;
  return `${trim(ppm / 10_000, 3)} %`;
}

/** Three significant digits; a dash for what is not known, never 0. */
export function number(value, digits = 3) {
  if (value === null || value === undefined) return NONE;
  // What is left of sums that ought to be 0.
  if (Math.abs(value) < 1e-12) return '0';
  if (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-6) return value.toExponential(2).replace('e', ' e');
  return trim(value, digits);
}

export function count(value) {
  return value === null || value === undefined ? NONE : value.toLocaleString('en-US').replaceAll(',', '\u202f');
}

export function duration(ms) {
  if (ms === null || ms === undefined) return NONE;
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${trim(ms / 1_000, 3)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.round((ms % 3_600_000) / 60_000)} min`;
}

export function clock(iso) {
  const time = new Date(iso);
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

/** An estimate of one variant in the metric's own unit. */
export function estimate(value, metric) {
  if (value === null) return NONE;
  if (metric.unit.startsWith('share')) return `${trim(value * 100, 3)} %`;
  if (metric.unit === 'ms') return `${number(value)} ms`;
  return number(value, 4);
}

/**
 * Metrics with `marginKind`, how the margin of each was written: everything about it is shown on that scale; and with `isDryRun` where the
 * guardrail is only tried.
 */
export function onWrittenScale(metrics, guardrails) {
  const written = new Map(guardrails.map((guardrail) => [guardrail.metric, guardrail]));
  return metrics.map((metric) => {
    const { margin, isDryRun = false } = written.get(metric.metric) ?? {};
    return { ...metric, marginKind: margin?.kind ?? null, isDryRun };
  });
}

/** A value on the scale of the effect in words: percent of control, percentage points, a factor, or the metric's own unit. */
export function effect(value, metric) {
  if (value === null) return NONE;
  const sign = value > 0 ? '+' : value < 0 ? '−' : '';
  const size = Math.abs(value);
  switch (metric.scale) {
    case 'relative':
      return `${sign}${trim(size * 100, 3)} %`;
    case 'ln-rate-ratio':
      return factor(value);
    case 'ratio':
      return `×${trim(value, 3)}`;
    case 'probability':
      return `${sign}${trim(size * 100, 3)} pp`;
    default:
      return difference(sign, size, metric);
  }
}

/** Ratios beyond these are not estimated: one of the variants has none of the events. */
const FURTHEST_LN_RATIO = Math.log(1e4);

function factor(lnRatio) {
  if (lnRatio <= -0.999 * FURTHEST_LN_RATIO) return '×0';
  return lnRatio >= 0.999 * FURTHEST_LN_RATIO ? '×∞' : `×${trim(Math.exp(lnRatio), 3)}`;
}

function difference(sign, size, { marginKind, estimate: of, unit }) {
  if (marginKind === 'relative' && of.control) return `${sign}${trim((size / Math.abs(of.control)) * 100, 3)} %`;
  return unit.startsWith('share') ? `${sign}${trim(size * 100, 3)} pp` : `${sign}${number(size)}`;
}

/** A gain as a share of control's value: "+6 %"; where control's share is 0 as percentage points, "+2 pp". */
export function gain(value, isPoints = false) {
  return effect(value, { scale: isPoints ? 'probability' : 'relative' });
}

/** The margin on the scale of the effect, on the side that is worse; null before it is known. */
export function marginOnScale(metric) {
  const { margin, scale, direction, kind, marginKind } = metric;
  if (margin === null) return null;
  const worse = direction === 'higher' ? -1 : 1;
  const { control } = metric.estimate;
  switch (scale) {
    case 'relative':
      return control ? (worse * margin) / Math.abs(control) : null;
    case 'ln-rate-ratio':
      return worse * Math.log1p(margin);
    case 'ratio':
      return 1 + worse * margin;
    default:
      // A relative margin of a rate stays as it was written; the effect is a difference of shares.
      if (kind === 'rate' && marginKind === 'relative') return control === null ? null : worse * margin * control;
      return worse * margin;
  }
}

function trim(value, digits) {
  return String(Number(value.toPrecision(digits))).replace('-', '−');
}

function two(part) {
  return String(part).padStart(2, '0');
}
