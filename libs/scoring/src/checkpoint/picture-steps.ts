import { z } from 'zod';
import type { Family, Kernel, PictureSteps, Resize } from './description.js';
import { notHonoured, parseFields } from './fields.js';

/** Pillow's numbers. 0 is nearest neighbour, with which no CLIP was trained. */
const KERNELS: Readonly<Record<number, Kernel>> = { 1: 'lanczos', 2: 'bilinear', 3: 'bicubic', 4: 'box', 5: 'hamming' };

const pixels = z.int().min(1);
const channels = z.tuple([z.number(), z.number(), z.number()]);
const rectangle = z.object({ height: pixels, width: pixels });

/** What every family's image processor of transformers has. */
const imageProcessor = z.object({
  do_resize: z.boolean().default(true),
  size: z.union([pixels, z.object({ shortest_edge: pixels, longest_edge: z.undefined().optional() }), rectangle]),
  resample: z.int().default(3),
  do_center_crop: z.boolean(),
  crop_size: z.union([pixels, rectangle]).default(224),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: channels,
  image_std: channels,
  do_pad: z.literal(false).nullish(),
  /** Not of transformers: what its image processors can't say and other programs do. */
  teststrip: z
    .strictObject({
      resize: z.literal('letterbox').optional(),
      offsets: z.enum(['floor', 'half-even']).default('floor'),
    })
    .default({ offsets: 'floor' }),
});

/** Those of transformers' `CLIPImageProcessor` and `SiglipImageProcessor`. */
const DEFAULTS: Readonly<Record<Family, object>> = {
  clip: {
    size: { shortest_edge: 224 },
    do_center_crop: true,
    image_mean: [0.48145466, 0.4578275, 0.40821073],
    image_std: [0.26862954, 0.26130258, 0.27577711],
  },
  siglip: {
    size: { height: 224, width: 224 },
    do_center_crop: false,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  },
};
const anyFields = z.record(z.string(), z.unknown());

type ImageProcessor = z.infer<typeof imageProcessor>;

/**
 * `preprocessor_config.json` of a checkpoint (or `image_processor` of `processor_config.json`) as transformers 5 reads it, the family's defaults
 * included.
 * @param tower `side` of the image tower: what comes out has to fit it
 * @throws ModelDirectoryError that names the field
 */
export function pictureStepsOf(
  file: string,
  content: unknown,
  { family, side }: { readonly family: Family; readonly side: number },
): PictureSteps {
  const given = parseFields(file, content, anyFields);
  const processor = parseFields(file, { ...DEFAULTS[family], ...withoutNull(given) }, imageProcessor);
  const kernel = KERNELS[processor.resample];
  if (kernel === undefined) {
    const expected = `one of ${Object.entries(KERNELS)
      .map(([number, name]) => `${number} (${name})`)
      .join(', ')}`;
    throw notHonoured(file, 'resample', processor.resample, expected);
  }
  if (!processor.do_resize) throw notHonoured(file, 'do_resize', false, 'true: pictures come in every size');
  return {
    resize:
      processor.teststrip.resize === 'letterbox' ? { kind: 'letterbox', edge: side } : resizeOf(file, processor, side),
    kernel,
    side,
    offsets: processor.teststrip.offsets,
    rescale: processor.do_rescale ? processor.rescale_factor : 1,
    mean: processor.do_normalize ? processor.image_mean : [0, 0, 0],
    deviation: processor.do_normalize ? processor.image_std : [1, 1, 1],
  };
}

/** transformers 5 writes null for what it leaves to the class. */
function withoutNull(fields: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
}

function resizeOf(file: string, processor: ImageProcessor, side: number): Resize {
  const { size, do_center_crop: crops } = processor;
  if (crops) requireSquare(file, 'crop_size', processor.crop_size, side);
  if (typeof size === 'number' || 'shortest_edge' in size) {
    const edge = typeof size === 'number' ? size : size.shortest_edge;
    if (!crops) {
      throw notHonoured(file, 'do_center_crop', false, 'true with size.shortest_edge: the tower takes squares only');
    }
    if (edge < side) throw notHonoured(file, 'size', size, `at least the crop of ${side} × ${side}`);
    return { kind: 'crop', edge };
  }
  if (size.height !== size.width) throw notHonoured(file, 'size', size, 'a square, or shortest_edge');
  if (!crops) requireSquare(file, 'size', size, side);
  else if (size.height < side) throw notHonoured(file, 'size', size, `at least the crop of ${side} × ${side}`);
  return { kind: 'squash', edge: size.height };
}

function requireSquare(file: string, field: string, value: ImageProcessor['crop_size'], side: number): void {
  const { height, width } = typeof value === 'number' ? { height: value, width: value } : value;
  if (height === side && width === side) return;
  throw notHonoured(file, field, value, `${side} × ${side} as vision_config.image_size of config.json says`);
}
