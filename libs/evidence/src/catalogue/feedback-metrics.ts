import type { DataOf } from '#libs/contracts';
import { type MetricDefinition, type Observed, USUAL_BURN_IN } from './definition.js';

const topic = 'feedback.recorded.v1';

/** What the people who asked for pictures do with them, and what raters prefer. */
export const feedbackMetrics: readonly MetricDefinition[] = [
  {
    name: 'rating',
    description: 'Stars that people gave, 1 to 5.',
    unit: 'stars',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'mean',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.1 },
    floor: 0.01,
    cap: { kind: 'fixed', lo: 1, hi: 5 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: ({ rating }) => rating,
  },
  {
    name: 'thumbs-down-rate',
    description: 'Thumbs that went down, among all thumbs.',
    unit: 'share of thumbs',
    direction: 'lower',
    defaultRole: 'observed',
    kind: 'rate',
    scale: 'difference',
    topic,
    defaultMargin: { kind: 'absolute', value: 0.02 },
    floor: 0.002,
    cap: { kind: 'fixed', lo: 0, hi: 1 },
    burnInUnits: USUAL_BURN_IN,
    lateData: 'first-only',
    observe: ({ kind }) => (kind === 'thumb-down' ? 1 : kind === 'thumb-up' ? 0 : null),
  },
  deed('download-rate', 'Units that downloaded a picture, among all units.', 'higher', 'download'),
  deed('share-rate', 'Units that shared a picture, among all units.', 'higher', 'share'),
  deed(
    'regenerate-rate',
    'Units that asked for another picture of the same prompt, among all units.',
    'lower',
    'regenerate',
  ),
  {
    name: 'preference',
    description:
      'Blinded pairs in which the candidate’s picture was preferred, ties left out; one vote per rater and prompt.',
    unit: 'share of votes',
    direction: 'higher',
    defaultRole: 'observed',
    kind: 'preference',
    scale: 'difference',
    topic: 'preference.judged.v1',
    defaultMargin: { kind: 'absolute', value: 0.05 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'first-only',
  },
];

/** What people do without being asked: those who don't send nothing, so only the deeds themselves are counted. */
function deed(
  name: string,
  description: string,
  direction: 'higher' | 'lower',
  wanted: DataOf<typeof topic>['kind'],
): MetricDefinition {
  return {
    name,
    description,
    unit: 'share of units',
    direction,
    defaultRole: 'observed',
    kind: 'incidence',
    scale: 'ln-rate-ratio',
    topic,
    defaultMargin: { kind: 'relative', value: 0.1 },
    floor: null,
    cap: { kind: 'none' },
    burnInUnits: 1,
    lateData: 'first-only',
    observe: ({ kind }): Observed => (kind === wanted ? 1 : null),
  };
}
