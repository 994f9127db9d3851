import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tinyClip, writeTinyClip } from '#libs/testing/tiny-clip';
import { loadClipModel } from './model/model-directory.js';
import { createScorer, type PictureScore, type Scorer } from './scorer.js';

let directory: string;
let scorer: Scorer;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'teststrip-clip-'));
  await writeTinyClip(directory);
  scorer = await createScorer({ modelDirectory: directory, engine: 'onnx' });
});

afterAll(async () => {
  await scorer.close();
  await rm(directory, { recursive: true });
});

describe('createScorer', () => {
  it('names model, digest, preprocessing and engine, and says why this engine', () => {
    expect(scorer.identity).toEqual({
      model: 'tiny-clip',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      preprocessing: 'clip-pillow-exact-v4',
      engine: 'onnx-cpu',
    });
    expect(scorer.health()).toMatchObject({ failure: null, engineReason: expect.stringContaining('SCORER_ENGINE') });
  });

  it('gives each picture its own score, whatever it is scored beside', async () => {
    const prompts = ['red circle', 'blue star', 'small red star'];
    const inputs = await Promise.all(
      Array.from({ length: 150 }, async (_, index) => ({
        imageBytes: await picture(index % 149),
        prompt: prompts[index % 3]!,
      })),
    );
    const together = await scorer.score(inputs);
    const fresh = await createScorer({ modelDirectory: directory });
    for (const index of [0, 1, 63, 64, 148, 149]) {
      const [alone] = await fresh.score([inputs[index]!]);
      expectClose(together[index]!, alone!);
    }
    await fresh.close();
    expect(new Set(together.slice(0, 149).map((score) => scored(score).alignment)).size).toBe(149);
  });

  it('is the cosine of unit vectors and the head on the embedding', async () => {
    const [score] = await scorer.score([{ imageBytes: await picture(3), prompt: 'red circle' }]);
    const { embedding, alignment, quality } = scored(score!);
    expect(embedding.length).toBe(tinyClip.dimension);
    expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    expect(Math.abs(alignment)).toBeLessThanOrEqual(1);
    const logit = embedding.reduce((sum, value, index) => sum + value * (index - 2), 0.25);
    expect(quality).toEqual({ clean: expect.closeTo(1 / (1 + Math.exp(-logit)), 9) });
  });

  it('says what is wrong with a picture in its place and scores the others', async () => {
    const good = await picture(1);
    const png = await picture(900);
    const scores = await scorer.score([
      { imageBytes: Buffer.from('no picture'), prompt: 'red star' },
      { imageBytes: good, prompt: 'red star' },
      { imageBytes: png.subarray(0, 60), prompt: 'red star' },
      { imageBytes: Buffer.alloc(64 * 1024 * 1024 + 1), prompt: 'red star' },
    ]);
    expect(scores.map((score) => score.outcome)).toEqual(['undecodable', 'scored', 'undecodable', 'refused']);
    expect(scores[0]).toMatchObject({ reason: expect.stringContaining('none of PNG, JPEG, WebP, AVIF') });
    const [alone] = await scorer.score([{ imageBytes: good, prompt: 'red star' }]);
    expectClose(scores[1]!, alone!);
  });

  it('reads a long prompt in parts, averages them by their tokens, and says so', async () => {
    const imageBytes = await picture(5);
    const [long, other, short, endless] = await scorer.score([
      { imageBytes, prompt: 'small red circle large blue star' },
      { imageBytes, prompt: 'small red circle large blue circle' },
      { imageBytes, prompt: 'small red circle large blue' },
      { imageBytes, prompt: 'small red circle large blue star '.repeat(20) },
    ]);
    // A window has 8 tokens of text: "a picture of" and five words. The sixth word is in the second one.
    expect([long, short, endless].map((score) => scored(score!).promptWindows)).toEqual([2, 1, 8]);
    expect([long, short, endless].map((score) => scored(score!).promptTruncated)).toEqual([false, false, true]);
    expect(scored(long!).alignment).not.toBeCloseTo(scored(short!).alignment, 6);
    expect(scored(long!).alignment).not.toBeCloseTo(scored(other!).alignment, 6);
  });

  it('reads what a prompt says, not the syntax around it, and says what it read', async () => {
    const imageBytes = await picture(5);
    const [plain, weighted, empty] = await scorer.score([
      { imageBytes, prompt: 'small red circle' },
      { imageBytes, prompt: 'small ((red)) (circle:1.3) <lora:detail:0.8>' },
      { imageBytes, prompt: '<lora:detail:0.8>' },
    ]);
    expect(scored(weighted!).alignment).toBe(scored(plain!).alignment);
    expect([weighted, empty].map((score) => scored(score!).scoredPrompt)).toEqual(['small red circle', '']);
  });

  it('says which share of a prompt the model does not know', async () => {
    const [score] = await scorer.score([{ imageBytes: await picture(5), prompt: 'red nebula' }]);
    expect(scored(score!).unknownTokenShare).toBe(1 / 5);
  });

  it('says which share of the prompts of other pictures fits worse', async () => {
    const own = await createScorer({ modelDirectory: directory });
    const prompts = ['red', 'blue', 'small', 'large', 'circle'];
    const pictures = await Promise.all(prompts.map((prompt, at) => ({ prompt, at })).map(({ at }) => picture(at + 20)));
    const scores = await own.score(prompts.map((prompt, at) => ({ prompt, imageBytes: pictures[at]! })));
    const [alone] = await own.score([{ prompt: 'red', imageBytes: pictures[1]! }]);
    expect(scores.every((score) => [0, 0.25, 0.5, 0.75, 1].includes(scored(score).separation!))).toBe(true);
    const against = await own.score(prompts.map((prompt) => ({ prompt, imageBytes: pictures[1]! })));
    const [red, ...others] = against.map((score) => scored(score).alignment);
    expect(scored(alone!).separation).toBe(others.filter((other) => other < red!).length / 4);
    await own.close();
  });

  it('reads prompts that differ in blanks only as the same', async () => {
    const imageBytes = await picture(6);
    const [one, two] = await scorer.score([
      { imageBytes, prompt: 'red  star\n' },
      { imageBytes, prompt: ' red star' },
    ]);
    expect(scored(one!).alignment).toBe(scored(two!).alignment);
  });

  it('says of a blank picture how it is blank, and scores the others', async () => {
    const black = await oneColour('black');
    const [blank, colourful] = await scorer.score([
      { imageBytes: black, prompt: 'red star' },
      { imageBytes: await picture(7), prompt: 'red star' },
    ]);
    expect(blank).toMatchObject({ outcome: 'blank', blank: 'black', reason: 'the picture is black' });
    expect(colourful!.outcome).toBe('scored');
  });

  it('sees a panorama whole, and says which share it sees of all others', async () => {
    const prompt = 'red star';
    const [gold, pink, goldBeside, pinkBeside] = await scorer.score(
      await Promise.all(
        [wideNavy(200, 'gold'), wideNavy(200, 'pink'), wideNavy(160, 'gold'), wideNavy(160, 'pink')].map(
          async (imageBytes) => ({
            imageBytes: await imageBytes,
            prompt,
          }),
        ),
      ),
    );
    expect(scored(gold!)).toMatchObject({ seenShare: 1, isLetterboxed: true });
    expect(scored(gold!).alignment).not.toBeCloseTo(scored(pink!).alignment, 4);
    // The tiny model sees 8 × 8 of 358 × 224 pixels.
    expect(scored(goldBeside!).seenShare).toBeCloseTo(64 / (358 * 224), 9);
    expect(scored(goldBeside!).alignment).toBeCloseTo(scored(pinkBeside!).alignment, 2);
  });

  it('judges blankness by the whole picture: what lies beside the crop is seen', async () => {
    const star = await sharp({ create: { width: 40, height: 40, channels: 3, background: 'gold' } })
      .png()
      .toBuffer();
    const wide = await sharp({ create: { width: 600, height: 100, channels: 3, background: 'navy' } })
      .composite([{ input: star, left: 5, top: 30 }])
      .png()
      .toBuffer();
    const [score] = await scorer.score([{ imageBytes: wide, prompt: 'red star' }]);
    expect(score!.outcome).toBe('scored');
  });

  it('hashes decoded pixels, which other files have too', async () => {
    const imageBytes = await picture(11);
    const otherFile = await sharp(imageBytes).png({ compressionLevel: 0 }).toBuffer();
    const prompt = 'red star';
    expect(otherFile.equals(imageBytes)).toBe(false);
    const [first, same, other] = await scorer.score([
      { imageBytes, prompt },
      { imageBytes: otherFile, prompt },
      { imageBytes: await picture(12), prompt },
    ]);
    expect(scored(first!).pixels).toMatch(/^[0-9a-f]{64}$/);
    expect(scored(same!).pixels).toBe(scored(first!).pixels);
    expect(scored(other!).pixels).not.toBe(scored(first!).pixels);
  });

  it('says what a transparent picture was laid over, and that a format is not read', async () => {
    const rgba = await sharp(await picture(13))
      .ensureAlpha(0.5)
      .png()
      .toBuffer();
    const gif = await sharp(await picture(13))
      .gif()
      .toBuffer();
    const [transparent, unread] = await scorer.score([
      { imageBytes: rgba, prompt: 'red star' },
      { imageBytes: gif, prompt: 'red star' },
    ]);
    expect(scored(transparent!).decoding).toEqual(['alpha-over-white']);
    expect(unread).toEqual({ outcome: 'unsupported', reason: expect.stringContaining('the file is GIF') });
  });

  it('tells nothing of a prompt with a token that the model does not know, and scores the others', async () => {
    await using_(async (other) => {
      const file = join(other, 'tokenizer.json');
      const tokenizer = JSON.parse(await readFile(file, 'utf8')) as { model: { vocab: Record<string, number> } };
      tokenizer.model.vocab['mystyle'] = 40;
      await writeFile(file, JSON.stringify(tokenizer));
      // It is that of the model before.
      await unlink(join(other, 'heads/quality.json'));
      const own = await createScorer({ modelDirectory: other });
      const imageBytes = await picture(1);
      const scores = await own.score([
        { imageBytes, prompt: 'red mystyle' },
        { imageBytes, prompt: 'red star' },
      ]);
      expect(scores.map((score) => score.outcome)).toEqual(['unscorable', 'scored']);
      expect(own.health()).toMatchObject({
        failure: null,
        unscorable: { count: 1, latest: expect.stringContaining('a token 40, the model knows those below 12') },
      });
      await own.close();
    });
  });

  it('tells nothing of a picture whose embedding has no length, and scores the others', async () => {
    await using_(async (other) => {
      await writeTinyClip(other, { seesLight: true });
      const own = await createScorer({ modelDirectory: other });
      const scores = await own.score([
        { imageBytes: await darkPicture(), prompt: 'red star' },
        { imageBytes: await picture(0), prompt: 'red star' },
      ]);
      expect(scores.map((score) => score.outcome)).toEqual(['unscorable', 'scored']);
      expect(own.health().unscorable.count).toBe(1);
      await own.close();
    });
  });

  it('compares pictures with the texts of a head, as they stand there', async () => {
    await using_(async (other) => {
      const contrast = ['a picture of red star', 'a picture of blue circle'];
      await writeFile(join(other, 'heads/which.json'), JSON.stringify({ name: 'which', contrast, scale: 5 }));
      const own = await createScorer({ modelDirectory: other });
      const imageBytes = await picture(2);
      const scores = await own.score(['red star', 'blue circle'].map((prompt) => ({ imageBytes, prompt })));
      const [star, circle] = scores.map((score) => scored(score).alignment);
      const expected = 1 / (1 + Math.exp(5 * (circle! - star!)));
      for (const score of scores) expect(scored(score).quality['which']).toBeCloseTo(expected, 6);
      expect(scored(scores[0]!).quality['clean']).toBeGreaterThan(0);
      await own.close();
    });
  });

  it('refuses to compute after it was closed', async () => {
    const closed = await createScorer({ modelDirectory: directory });
    await closed.close();
    await expect(closed.score([{ imageBytes: await picture(1), prompt: 'red' }])).rejects.toThrow('has been closed');
  });
});

describe('a model directory that can not be used', () => {
  it.each<[string, string, string | ((path: string) => Promise<string>) | undefined, RegExp]>([
    [
      'a missing graph and no weights to make it of',
      'onnx/image.onnx',
      undefined,
      /model.safetensors announces a header/,
    ],
    ['a missing tokenizer', 'tokenizer.json', undefined, /tokenizer.json: expected the byte-level BPE/],
    ['broken JSON', 'config.json', '{', /config.json is no JSON/],
    ['another model type', 'config.json', '{"model_type":"blip"}', /config.json: model_type/],
    [
      'another crop than the model takes',
      'preprocessor_config.json',
      '{"crop_size":9,"image_mean":[0,0,0],"image_std":[1,1,1]}',
      /crop_size is 9, expected 8 × 8/,
    ],
    ['a template without place', 'prompt.json', '{"template":"a picture"}', /has 0 times \{prompt\}/],
    [
      'a head of other embeddings',
      'heads/quality.json',
      head({ embedding: 'ab'.repeat(32) }),
      /"clean" was trained on the embeddings (ab){32}, those of "tiny-clip" are [0-9a-f]{64}/,
    ],
    [
      'a head that says nothing of its embeddings',
      'heads/quality.json',
      head({}),
      /"clean" doesn't say which .* if they are those of "tiny-clip" as it lies here, write "embedding": "[0-9a-f]{64}" into its file/,
    ],
    [
      'a head that knows its model by a name alone',
      'heads/quality.json',
      head({ model: 'tiny-clip' }),
      /only that their model was called "tiny-clip"; if they are/,
    ],
    [
      'a head with the name of a concept',
      'heads/quality.json',
      head({ name: 'a:b' }),
      /name: expected a name without a colon/,
    ],
    [
      'a head of another dimension',
      'heads/quality.json',
      async (path: string) => head({ inputs: 5, embedding: await embeddingsOf(path) }),
      /takes 5 numbers, the embedding of "tiny-clip" has 6/,
    ],
    [
      'a probability without sigmoid',
      'heads/quality.json',
      head({ activation: 'none' }),
      /needs the activation "sigmoid"/,
    ],
    ['a graph that is none', 'onnx/text.onnx', 'not protobuf', /the engine onnx stopped: .*text.onnx/s],
  ])('is refused with the reason: %s', async (_name, file, content, message) => {
    const broken = await mkdtemp(join(tmpdir(), 'teststrip-clip-'));
    await writeTinyClip(broken);
    // With other graphs its head is that of another model.
    if (file.startsWith('onnx/')) await unlink(join(broken, 'heads/quality.json'));
    const written = typeof content === 'function' ? await content(broken) : content;
    if (written === undefined) await unlink(join(broken, file));
    else await writeFile(join(broken, file), written);
    await expect(createScorer({ modelDirectory: broken })).rejects.toThrow(message);
    await rm(broken, { recursive: true });
  });

  it('is refused when a graph takes another input', async () => {
    const broken = await mkdtemp(join(tmpdir(), 'teststrip-clip-'));
    await writeTinyClip(broken, { imageInput: 'pixel_values' });
    await expect(createScorer({ modelDirectory: broken })).rejects.toThrow(
      /inputs are pixel_values: uint8 \[batch, 8, 8, 3\], expected one, pixels: uint8/,
    );
    await rm(broken, { recursive: true });
  });

  it('is refused when it does not exist', async () => {
    await expect(createScorer({ modelDirectory: '/nowhere/clip' })).rejects.toThrow(/\/nowhere\/clip can't be read/);
  });

  it('gets another digest with other weights beside a graph', async () => {
    await using_(async (other) => {
      await unlink(join(other, 'heads/quality.json'));
      const without = await createScorer({ modelDirectory: other });
      await without.close();
      await writeFile(join(other, 'onnx/image.onnx.data'), 'weights');
      const changed = await createScorer({ modelDirectory: other });
      expect(changed.identity.digest).not.toBe(without.identity.digest);
      await changed.close();
    });
  });

  it('gets another digest with another head', async () => {
    await using_(async (other) => {
      await writeFile(join(other, 'heads/quality.json'), head({ embedding: await embeddingsOf(other) }));
      const changed = await createScorer({ modelDirectory: other });
      expect(changed.identity.digest).not.toBe(scorer.identity.digest);
      await changed.close();
    });
  });
});

async function using_(work: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'teststrip-clip-'));
  await writeTinyClip(path);
  await work(path);
  await rm(path, { recursive: true });
}

interface HeadChange {
  readonly name?: string;
  readonly model?: string;
  readonly embedding?: string;
  readonly inputs?: number;
  readonly activation?: string;
}

async function embeddingsOf(path: string): Promise<string> {
  return (await loadClipModel(path)).embeddingDigest;
}

function head(change: HeadChange): string {
  const weight = [Array.from({ length: change.inputs ?? tinyClip.dimension }, () => 0.5)];
  const layer = { weight, bias: [0], activation: change.activation ?? 'sigmoid' };
  const { name = 'clean', model, embedding } = change;
  return JSON.stringify({ name, model, embedding, layers: [layer], output: 'probability' });
}

/** With a square of another colour at its left. */
async function wideNavy(columns: number, left: string): Promise<Buffer> {
  const input = await sharp({ create: { width: 20, height: 20, channels: 3, background: left } })
    .png()
    .toBuffer();
  const navy = sharp({ create: { width: columns, height: 100, channels: 3, background: 'navy' } });
  return navy
    .composite([{ input, left: 0, top: 40 }])
    .png()
    .toBuffer();
}

function oneColour(background: string): Promise<Buffer> {
  return sharp({ create: { width: 8, height: 8, channels: 3, background } })
    .png()
    .toBuffer();
}

/** No value is above 100. */
function darkPicture(): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * 37) % 101);
  return sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toBuffer();
}

async function picture(seed: number): Promise<Buffer> {
  const pixels = Uint8Array.from({ length: 8 * 8 * 3 }, (_, index) => (index * (seed * 2 + 37) + seed * 11) % 256);
  return sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toBuffer();
}

function scored(score: PictureScore): Extract<PictureScore, { outcome: 'scored' }> {
  if (score.outcome !== 'scored') throw new Error(`expected a score, got ${score.outcome}: ${score.reason}`);
  return score;
}

function expectClose(left: PictureScore, right: PictureScore): void {
  expect(scored(left).alignment).toBeCloseTo(scored(right).alignment, 5);
  expect(scored(left).quality['clean']).toBeCloseTo(scored(right).quality['clean']!, 5);
}
