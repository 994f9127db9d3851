/**
 * Every topic of the system in one place: its name, what its key is, and whether only the latest record per key is kept.
 * Topics keyed by `unit` share one partition count and partitioner, so all events of one unit meet in one partition.
 */
export interface Topic {
  readonly name: string;
  readonly key: 'unit' | 'experiment' | 'none';
  /** Log compaction: a new reader finds at least the latest record of every key. */
  readonly compacted: boolean;
  readonly producedBy: string;
  readonly says: string;
}

export const topics = {
  requestRouted: {
    name: 'request.routed.v1',
    key: 'unit',
    compacted: false,
    producedBy: 'router',
    says: 'The exposure and the black-box outcome of one request: variant, propensity, epoch, status and duration.',
  },
  generationCompleted: {
    name: 'generation.completed.v1',
    key: 'unit',
    compacted: false,
    producedBy: 'inference services',
    says: 'Parameters, seed, timings, GPU seconds, memory, cost, status, and the pictures by URI and sha256.',
  },
  imageScored: {
    name: 'image.scored.v1',
    key: 'unit',
    compacted: false,
    producedBy: 'scorer',
    says: 'Scores and embedding of one picture, or why there are none.',
  },
  feedbackRecorded: {
    name: 'feedback.recorded.v1',
    key: 'unit',
    compacted: false,
    producedBy: 'reports',
    says: 'A thumb, rating, download, share or regeneration by the person who asked for the picture.',
  },
  preferenceJudged: {
    name: 'preference.judged.v1',
    key: 'experiment',
    compacted: false,
    producedBy: 'reports',
    says: 'A blinded pairwise human judgement.',
  },
  experimentDefined: {
    name: 'experiment.defined.v1',
    key: 'experiment',
    compacted: true,
    producedBy: 'decision',
    says: 'The specification of an experiment and its revision.',
  },
  evidenceSummarised: {
    name: 'evidence.summarised.v1',
    key: 'experiment',
    compacted: false,
    producedBy: 'analyzer',
    says: 'Mergeable partial evidence of one partition.',
  },
  experimentAnalysed: {
    name: 'experiment.analysed.v1',
    key: 'experiment',
    compacted: false,
    producedBy: 'analyzer',
    says: 'Estimates, anytime-valid intervals, e-values and verdicts per metric and candidate, with health.',
  },
  allocationCommanded: {
    name: 'allocation.commanded.v1',
    key: 'experiment',
    compacted: true,
    producedBy: 'decision',
    says: 'What the router has to do: the whole desired allocation, its epoch, the reason and the evidence.',
  },
  allocationApplied: {
    name: 'allocation.applied.v1',
    key: 'experiment',
    compacted: false,
    producedBy: 'router',
    says: 'Which router applied which epoch, when, or why it refused.',
  },
  controllerHeartbeat: {
    name: 'controller.heartbeat.v1',
    key: 'none',
    compacted: false,
    producedBy: 'decision',
    says: 'The decision loop is alive.',
  },
} as const satisfies Record<string, Topic>;

export type TopicName = (typeof topics)[keyof typeof topics]['name'];

/** The topic for messages of `topic` that can never be processed. */
export function deadLetterTopic(topic: string): string {
  return `${topic}.dead`;
}
