import { type Margin, MILLION } from '#libs/contracts';
import type { RampCourse, SpreadOfRuns } from '#libs/planning';
import { alignedColumns } from '../terminal/columns.js';
import type { GuardrailPlan, Plan } from './plan-experiment.js';
import type { Change } from './planned-guardrail.js';
import type { LimitPlan } from './planned-limit.js';

type CourseAnswer = Extract<RampCourse, { missing: null }>;
type CourseUntil = NonNullable<CourseAnswer['untilPromotion']>;

const NOTHING = '–';
const SOURCES = { default: 'default', caller: '--assume', definition: 'by definition' } as const;

/** A plan for people: plain text, aligned columns, figures to three digits. */
export function planLines(plan: Plan): readonly string[] {
  const share = percent(plan.sharePpm / MILLION);
  const paragraphs = [
    [
      `${plan.experiment}: ${count(plan.requestsPerHour)} requests/h, deadline ${figure(plan.deadlineHours)} h ` +
        `(${count(plan.requestsUntilDeadline)} requests), α ${plan.alpha}, power ${percent(plan.power)}, seed ${plan.seed}`,
    ],
    plan.assumed.length === 0
      ? []
      : [
          'Assumed of control',
          ...texts(plan.assumed.map(({ metric, text, from }) => [metric, text, `(${SOURCES[from]})`])),
        ],
    plan.lacking.length === 0
      ? []
      : ['Not planned', ...texts(plan.lacking.map(({ metric, needs }) => [metric, needs]))],
    plan.guardrails.length === 0
      ? []
      : [
          `Guardrails one by one, at ${share} for the candidate`,
          ...table([
            [
              'metric',
              'margin',
              'harm',
              'found after',
              'candidate',
              'hours',
              'safe after',
              'candidate',
              'hours',
              'smallest',
            ],
            ...plan.guardrails.map(guardrailRow),
          ]),
          ...plan.guardrails.flatMap(({ metric, notes }) => notes.map((note) => `  ${metric}: ${note}`)),
          '  found: requests until that harm is proven; safe: until harm of the margin is excluded for an equal candidate;',
          '  smallest: the smallest harm found within the deadline’s traffic',
        ],
    plan.limits.length === 0
      ? []
      : [
          `Absolute limits, for a candidate like control, at ${share} of the traffic`,
          ...table([['metric', 'limit', 'proven after', 'candidate', 'hours'], ...plan.limits.map(limitRow)]),
          '  proven: requests until the candidate’s own values are proven within the limit, which promotion waits for',
        ],
    shadowLines(plan),
    plan.equal === null
      ? []
      : [
          `Ramp of an equal candidate${plan.shadow === null ? '' : ' after the shadow'} (stages: medians of the runs that came there)`,
          ...courseLines(plan.equal, plan, true),
        ],
    ...plan.effects.map(({ metric, change, course }) => [
      `Ramp with ${metric} ${changeText(change, isRateIn(plan, metric))}`,
      ...(course === null ? [`  not planned: ${metric} is not in the ramp`] : courseLines(course, plan, false)),
    ]),
    plan.notes.length === 0 ? [] : ['Notes', ...plan.notes.map((note) => `  ${note}`)],
  ];
  return paragraphs.filter((lines) => lines.length > 0).flatMap((lines, at) => (at === 0 ? lines : ['', ...lines]));
}

function shadowLines({ shadow }: Plan): readonly string[] {
  if (shadow === null) return [];
  const { pairs, ratePpm, concurrency, isAll, requests, hours, allowedPpm } = shadow;
  return [
    isAll
      ? 'Shadow alone: nobody is served by the candidate'
      : 'Shadow before the ramp: nobody is served by the candidate',
    `  ${count(pairs)} pairs: at least ${count(requests)} requests (${percent(ratePpm / MILLION)} of them copied, at most ${count(concurrency)} at a time), ${figure(hours)} h`,
    `  half of equal candidates are allowed ${percent(allowedPpm / MILLION)} then, at usual margins`,
  ];
}

function isRateIn({ guardrails }: Plan, name: string): boolean {
  return guardrails.some(({ metric, isRate: ofRate }) => metric === name && ofRate);
}

/** As people write it: −3 %, +0.5 pp, +0.02. Absolute changes of rates are percentage points. */
function changeText({ kind, value }: Change, isRate = false): string {
  const sign = value < 0 ? '−' : '+';
  const size = Math.abs(value);
  if (kind === 'relative') return `${sign}${percent(size)}`;
  return isRate ? `${sign}${figure(100 * size)} pp` : `${sign}${figure(size)}`;
}

function guardrailRow(plan: GuardrailPlan): readonly string[] {
  const { metric, margin, isRate, found, proven, hours, smallest, smallestChange } = plan;
  return [
    metric,
    plan.rollbackOn === 'any-harm' ? `${marginText(plan, margin, isRate)}, any harm` : marginText(plan, margin, isRate),
    changeText(plan.harm, isRate),
    ...answer(found, hours.found),
    ...answer(proven, hours.proven),
    smallest.missing === null && smallestChange !== null ? changeText(smallestChange, isRate) : `${smallest.missing}`,
  ];
}

function answer(of: GuardrailPlan['found'], hours: number | null): readonly string[] {
  return of.missing === null
    ? [count(of.units), count(of.candidateUnits), hours === null ? NOTHING : figure(hours)]
    : [of.missing, NOTHING, NOTHING];
}

function limitRow({ metric, kind, value, isRate, unit, needs, proven, requests, hours }: LimitPlan): readonly string[] {
  const limit = `${kind === 'at-most' ? 'at most' : 'at least'} ${isRate ? percent(value) : `${figure(value)} ${unit}`.trimEnd()}`;
  if (proven === null) return [metric, limit, needs ?? NOTHING, NOTHING, NOTHING];
  if (proven.missing !== null || requests === null) return [metric, limit, `${proven.missing}`, NOTHING, NOTHING];
  return [metric, limit, count(requests), count(proven.units), hours === null ? NOTHING : figure(hours)];
}

/** The margin has no sign of its own: harm's direction is that of the smallest change, or of the harm looked for. */
function marginText(
  { harm, isStated, smallestChange }: GuardrailPlan,
  { kind, value }: Margin,
  isRate: boolean,
): string {
  const direction = Math.sign((isStated ? smallestChange?.value : undefined) ?? harm.value) || 1;
  return changeText({ kind, value: direction * value }, isRate);
}

function courseLines(course: RampCourse, plan: Plan, withRungs: boolean): readonly string[] {
  if (course.missing !== null) return [`  no course: ${course.guardrail}: ${course.missing}`];
  const { promoted, rolledBack, undecided, standardError } = course;
  const by = Object.entries(course.rolledBackBy).filter(([, share]) => share > 0);
  return [
    `  promoted ${percent(promoted)}, rolled back ${percent(rolledBack)}, undecided at the deadline ${percent(undecided)} ` +
      `of the runs${standardError === 0 ? '' : ` (±${percent(standardError)})`}`,
    ...(by.length > 0 ? [`  rolled back by ${by.map(([name, share]) => `${name} ${percent(share)}`).join(', ')}`] : []),
    ...(withRungs ? rungTable(course, plan) : []),
    ...untilTable(course),
  ];
}

function rungTable({ rungs }: CourseAnswer, { requestsPerHour }: Plan): readonly string[] {
  return table([
    ['stage', 'reached', 'requests', 'exposed', 'hours'],
    ...rungs.map(({ sharePpm, reached, units, candidateUnits }) => [
      percent(sharePpm / MILLION),
      percent(reached),
      reached === 0 ? NOTHING : point(units.median, count),
      reached === 0 ? NOTHING : point(candidateUnits.median, count),
      reached === 0 || units.median === null ? NOTHING : figure(units.median / requestsPerHour),
    ]),
  ]);
}

function untilTable({ untilPromotion, untilRollback }: CourseAnswer): readonly string[] {
  const all = [...untilRows('promotion', untilPromotion), ...untilRows('rollback', untilRollback)];
  return all.length === 0 ? [] : table([['', '10 %', 'median', '90 %'], ...all]);
}

function untilRows(name: string, until: CourseUntil | null): readonly (readonly string[])[] {
  if (until === null) return [];
  return [
    [`requests until ${name}`, ...points(until.units, count)],
    [`exposed until ${name}`, ...points(until.candidateUnits, count)],
    ...(until.hours === null ? [] : [[`hours until ${name}`, ...points(until.hours, figure)]]),
  ];
}

function points({ p10, median, p90 }: SpreadOfRuns, written: (value: number) => string): string[] {
  return [p10, median, p90].map((value) => point(value, written));
}

function point(value: number | null, written: (value: number) => string): string {
  return value === null ? NOTHING : written(value);
}

/** The first column is a name, the others are figures below their heading, to the right. */
function table(rows: readonly (readonly string[])[]): readonly string[] {
  return indented(alignedColumns(rows, (cell, width, at) => (at === 0 ? cell.padEnd(width) : cell.padStart(width))));
}

function texts(rows: readonly (readonly string[])[]): readonly string[] {
  return indented(alignedColumns(rows));
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

/** Three digits: simulations are not better. */
function count(value: number): string {
  return Math.round(Number(value.toPrecision(3))).toLocaleString('en-US');
}

function figure(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function percent(share: number): string {
  return `${figure(100 * share)} %`;
}
