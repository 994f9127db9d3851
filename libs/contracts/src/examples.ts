import type { TeststripEvent, DataOf } from './envelope.js';
import type { TopicName } from './topics.js';
import { topics } from './topics.js';
import type { Assignment } from './assignment.js';

const assignment: Assignment = {
  experiment: 'cheaper-sampler',
  revision: 1,
  variant: 'candidate',
  control: 'control',
  unit: 'user-7f3a',
  epoch: 2,
  stage: 1,
  propensity: 0.05,
  weightsPpm: { control: 950_000, candidate: 50_000 },
  reason: 'SPLIT',
};

const sha256 = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const config = { checkpoint: 'scenes-1.0', sampler: 'unipc', steps: 12, precision: 'fp16' };

/** One example of the data of every topic; what the documentation shows and the drift test validates. */
const exampleData: { readonly [Name in TopicName]: DataOf<Name> } = {
  [topics.requestRouted.name]: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    service: 'text-to-image',
    assignment,
    upstream: 'http://127.0.0.1:8101/',
    outcome: 'succeeded',
    status: 200,
    startedAt: '2026-11-20T10:15:30.120Z',
    durationMs: 84.2,
  },
  [topics.generationCompleted.name]: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    service: 'text-to-image',
    assignment,
    fingerprint: 'c2f1a9d04e5b6c7d',
    config,
    prompt: 'a small red circle at the left and a large blue star at the right on a sand background',
    seed: 4242,
    outcome: 'succeeded',
    error: null,
    timings: { queueMs: 0.4, inferenceMs: 41.7, totalMs: 46.3 },
    gpu: { seconds: 0.0377, utilisation: 0.41, memoryMiB: 6200 },
    cost: 0.0000415,
    images: [
      {
        uri: 'file:///var/lib/teststrip/pictures/0190d5a2.png',
        sha256,
        format: 'png',
        width: 64,
        height: 64,
        bytes: 6120,
      },
    ],
    shadow: false,
  },
  [topics.imageScored.name]: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    imageIndex: 0,
    service: 'text-to-image',
    assignment,
    image: { uri: 'file:///var/lib/teststrip/pictures/0190d5a2.png', sha256 },
    outcome: 'scored',
    reason: null,
    alignment: 0.953,
    quality: { clean: 0.982 },
    blank: false,
    embedding: 'ADwAAAAA',
    promptTruncated: false,
    identity: { model: 'scenes-clip', digest: sha256, preprocessing: 'exact-1', engine: 'onnx-cpu' },
  },
  [topics.feedbackRecorded.name]: {
    requestId: '0190d5a2-6f7e-7c31-9d4e-5b8f0a1c2d3e',
    generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d',
    service: 'text-to-image',
    assignment,
    kind: 'rating',
    rating: 4,
    givenAt: '2026-11-20T10:16:02.000Z',
  },
  [topics.preferenceJudged.name]: {
    experiment: 'cheaper-sampler',
    revision: 1,
    rater: 'rater-3',
    prompt: 'a large green cross at the top on a slate background',
    left: { variant: 'candidate', generationId: '0190d5a2-6f9a-7b12-8c3d-4e5f6a7b8c9d' },
    right: { variant: 'control', generationId: '0190d5a2-7001-7b12-8c3d-4e5f6a7b8c9d' },
    preferred: 'tie',
    judgedAt: '2026-11-20T10:20:00.000Z',
  },
  [topics.experimentDefined.name]: {
    experiment: 'cheaper-sampler',
    revision: 1,
    spec: {
      key: 'cheaper-sampler',
      service: 'text-to-image',
      kind: 'canary',
      unit: 'user',
      control: 'control',
      variants: {
        control: {
          upstream: 'http://127.0.0.1:8100/',
          config: { checkpoint: 'scenes-1.0', sampler: 'dpmpp-2m', steps: 24, precision: 'fp16' },
        },
        candidate: { upstream: 'http://127.0.0.1:8101/', config },
      },
      audience: [],
      ramp: {
        kind: 'explicit',
        stages: [
          { weightPpm: 10_000, atLeastMs: 600_000, atLeastUnits: 0, approval: 'none' },
          { weightPpm: 1_000_000, atLeastMs: 0, atLeastUnits: 0, approval: 'required' },
        ],
      },
      guardrails: [
        { metric: 'alignment', margin: { kind: 'relative', value: 0.01 }, rollbackOn: 'beyond-margin' },
        { metric: 'error-rate', margin: { kind: 'absolute', value: 0.005 }, rollbackOn: 'beyond-margin' },
      ],
      objectives: [],
      onInconclusive: 'rollback',
      onLostController: 'control',
      lostControllerAfterMs: 30_000,
      holdAtMostMs: 1_800_000,
      deadlineMs: 86_400_000,
      alpha: 0.05,
      baselineUnits: 200,
    },
    fingerprints: { control: '51b0c3d7e9f2a486', candidate: 'c2f1a9d04e5b6c7d' },
    definedAt: '2026-11-20T10:00:00.000Z',
    definedBy: 'cli',
  },
  [topics.evidenceSummarised.name]: {
    experiment: 'cheaper-sampler',
    revision: 1,
    topicPartition: 'p3',
    positions: { 'request.routed.v1': 1204, 'image.scored.v1': 1188 },
    evidence: { version: 1 },
    summarisedAt: '2026-11-20T10:15:31.000Z',
  },
  [topics.experimentAnalysed.name]: {
    analysisId: '0190d5a2-8888-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 2,
    stage: 1,
    alpha: 0.05,
    analysedAt: '2026-11-20T10:15:31.020Z',
    newestEventAt: '2026-11-20T10:15:30.980Z',
    requests: { control: 4821, candidate: 251 },
    units: { control: 4302, candidate: 220 },
    unitsInStage: 2110,
    metrics: [
      {
        metric: 'alignment',
        candidate: 'candidate',
        role: 'guardrail',
        unit: 'cosine',
        direction: 'higher',
        verdict: 'undecided',
        reason: 'not-enough-data',
        n: { control: { units: 4302, events: 4302 }, candidate: { units: 220, events: 220 } },
        estimate: { control: 0.951, candidate: 0.9502, effect: -0.0008 },
        interval: { low: -0.0041, high: 0.0025 },
        scale: 'difference',
        margin: 0.00951,
        lnE: { harmful: -1.21, nonInferior: 1.94 },
        budget: [{ sharePpm: 100_000, margin: 0.0951, lnENonInferior: 5.3, nonInferior: true }],
      },
    ],
    health: {
      srm: {
        status: 'ok',
        lnE: -2.1,
        observed: { control: 4302, candidate: 220 },
        expected: { control: 4296.4, candidate: 225.6 },
      },
      coverage: { status: 'ok', lnE: -0.4, byVariant: { control: 0.998, candidate: 1 } },
      staleness: {
        status: 'ok',
        lastRoutedAt: '2026-11-20T10:15:30.990Z',
        lastGeneratedAt: '2026-11-20T10:15:30.970Z',
        lastScoredAt: '2026-11-20T10:15:30.980Z',
      },
    },
  },
  [topics.allocationCommanded.name]: {
    commandId: '0190d5a2-9999-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    service: 'text-to-image',
    revision: 1,
    epoch: 3,
    command: 'rollback',
    stage: 0,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    reason: 'harmful',
    message:
      'alignment of candidate is worse by more than 0.0095: −0.021 (−0.030 … −0.012), ln E 3.4 ≥ 3.0 after 171 candidate units',
    evidence: {
      analysisId: '0190d5a2-8888-7c31-9d4e-5b8f0a1c2d3e',
      metric: 'alignment',
      candidate: 'candidate',
      lnE: 3.4,
      units: 171,
      analysedAt: '2026-11-20T10:15:31.020Z',
      newestEventAt: '2026-11-20T10:15:30.980Z',
    },
    actor: 'decision',
    commandedAt: '2026-11-20T10:15:31.031Z',
    terminal: true,
  },
  [topics.allocationApplied.name]: {
    commandId: '0190d5a2-9999-7c31-9d4e-5b8f0a1c2d3e',
    experiment: 'cheaper-sampler',
    revision: 1,
    epoch: 3,
    router: 'router-1',
    outcome: 'applied',
    reason: null,
    weightsPpm: { control: 1_000_000, candidate: 0 },
    commandedAt: '2026-11-20T10:15:31.031Z',
    appliedAt: '2026-11-20T10:15:31.044Z',
  },
  [topics.controllerHeartbeat.name]: {
    controller: 'decision-1',
    at: '2026-11-20T10:15:31.000Z',
    running: ['cheaper-sampler'],
  },
};

/** A whole example event of every topic. */
export const examples = Object.entries(exampleData).map(([type, data], index) => ({
  specversion: '1.0',
  id: `0190d5a2-0000-7000-8000-${String(index + 1).padStart(12, '0')}`,
  source: 'teststrip/example',
  type,
  time: '2026-11-20T10:15:31.000Z',
  subject: subjectOf(type as TopicName),
  data,
})) as readonly TeststripEvent[];

function subjectOf(topic: TopicName): string {
  const { key } = Object.values(topics).find(({ name }) => name === topic) as { key: string };
  if (key === 'unit') return assignment.unit;
  return key === 'experiment' ? assignment.experiment : 'controller';
}
