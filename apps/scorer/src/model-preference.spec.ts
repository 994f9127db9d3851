import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PairedMetricAnalysis } from '#libs/contracts';
import { analyse, evidenceDesign, foldEvent, initialEvidence } from '#libs/evidence';
import { drawScene, formatScene, PICTURE_SIDE_PX, randomScene, seededRandom } from '#libs/scenes';
import { createScorer, type PictureScore, type Scorer } from '#libs/scoring';
import { definition, PairedTraffic } from '#libs/testing/traffic';
import { scoredEvent, type GenerationEvent } from './scored-event.js';

// A checkpoint in the layout of PickScore: a CLIP whose logit_scale times cosine is the logit of the preference. The model that ships has learnt
// which picture fits a caption better, so that it does prefer clean pictures to noisy ones of one prompt.

let directory: string;
let scorer: Scorer;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-preference-'));
  await cp('models/scenes-clip', directory, { recursive: true });
  await writeFile(join(directory, 'preference.json'), '{}');
  scorer = await createScorer({ modelDirectory: directory, engine: 'onnx' });
});
afterAll(async () => {
  await scorer.close();
  await rm(directory, { recursive: true });
});

const guardrail = {
  metric: 'predicted-preference',
  margin: { kind: 'absolute', value: 0.05 },
  rollbackOn: 'beyond-margin',
} as const;
const design = evidenceDesign(definition({ guardrails: [guardrail] }), 1);

it('finds a candidate that paints noise over its pictures', async () => {
  const { verdict, estimate, n } = await judged(60, 40);
  expect(n).toBeGreaterThan(35);
  expect(verdict).toBe('harmful');
  expect(estimate.candidate).toBeLessThan(0.3);
});

it('takes one that paints the same with other noise for equal', async () => {
  const { verdict, estimate, n } = await judged(0, 60);
  expect(n).toBeGreaterThan(50);
  expect(['undecided', 'non-inferior']).toContain(verdict);
  expect(Math.abs(estimate.effect as number)).toBeLessThan(0.08);
});

/** What pairs say whose pictures were drawn, and scored by the model. */
async function judged(noise: number, pairs: number): Promise<PairedMetricAnalysis> {
  const random = seededRandom(7);
  const traffic = new PairedTraffic(3);
  const evidence = initialEvidence(design);
  for (let pair = 0; pair < pairs; pair += 1) {
    const scene = randomScene(random);
    const prompt = formatScene(scene);
    const { original, copy } = traffic.pair();
    const pictures = [
      await painted(drawScene(scene, 2 * pair), 0),
      await painted(drawScene(scene, 2 * pair + 1), noise),
    ];
    const scores = await scorer.score(pictures.map((imageBytes) => ({ imageBytes, prompt })));
    for (const [at, events] of [original, copy].entries()) {
      for (const event of events) {
        const isScore = event.type === 'image.scored.v1' && event.data.outcome === 'scored';
        foldEvent(evidence, design, isScore ? scoreOf(events, scores[at]!, prompt) : event);
      }
    }
  }
  const analysis = analyse(evidence, design, traffic.atMs);
  return analysis.pairs![0]!.metrics.find(({ metric }) => metric === guardrail.metric)!;
}

function scoreOf(
  events: readonly { readonly type: string }[],
  score: PictureScore,
  prompt: string,
): ReturnType<typeof scoredEvent> {
  const generation = events.find(({ type }) => type === 'generation.completed.v1') as GenerationEvent;
  const { identity } = scorer;
  const scoredBy = { source: 'test', identity, scoredAtMs: Date.parse(generation.time), traceparent: undefined };
  return scoredEvent({ ...generation, data: { ...generation.data, prompt } }, 0, score, scoredBy);
}

async function painted(pixels: Uint8Array, noise: number): Promise<Buffer> {
  const random = seededRandom(pixels[0]! + pixels.length);
  const noisy = pixels.map((level) => Math.min(255, Math.max(0, level + Math.round(random.between(-noise, noise)))));
  return sharp(noisy, { raw: { width: PICTURE_SIDE_PX, height: PICTURE_SIDE_PX, channels: 3 } })
    .png()
    .toBuffer();
}
