import type { GenerationEvent } from '#apps/scorer';

type Image = GenerationEvent['data']['images'][number];

/** What of a generation differs from play to play. */
export interface DeliveredGeneration {
  readonly number: number;
  /** Who says so; its model as well. */
  readonly source: string;
  readonly timeMs: number;
  readonly prompt: string;
  readonly image: Image;
}

/** A generation of one picture, which is of no experiment, for the scorer to read. */
export function deliveredGeneration({ number, source, timeMs, prompt, image }: DeliveredGeneration): GenerationEvent {
  return {
    specversion: '1.0',
    id: `generation.completed.v1:${number}`,
    source,
    type: 'generation.completed.v1',
    time: new Date(timeMs).toISOString(),
    subject: `user-${number}`,
    data: {
      requestId: `request-${number}`,
      generationId: `${number}`,
      service: 'text-to-image',
      assignment: null,
      fingerprint: source,
      config: { checkpoint: source, sampler: 'euler', steps: 20, precision: 'fp16' },
      prompt,
      seed: number,
      outcome: 'delivered',
      error: null,
      timings: { queueMs: 0, inferenceMs: 1, totalMs: 1 },
      gpu: { seconds: 0, utilisation: 0, memoryMiB: 0 },
      cost: 0,
      images: [image],
      shadow: false,
    },
  };
}
