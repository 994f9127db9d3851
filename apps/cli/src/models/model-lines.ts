import type { EngineSpeed, InspectedModel, ModelCheck } from '#libs/scoring';

type UsableModel = Extract<InspectedModel, { outcome: 'usable' }>;

/** Letters of the sizes that are published, by the image tower's width. */
const LETTERS: Readonly<Record<number, string>> = {
  384: 'S',
  768: 'B',
  1024: 'L',
  1152: 'So400m',
  1280: 'H',
  1408: 'g',
  1664: 'bigG',
};
const FAMILIES = { clip: 'CLIP', siglip: 'SigLIP' } as const;

/** What people are told of a model. */
export function modelLines(model: InspectedModel): readonly string[] {
  if (model.outcome === 'refused') return rowsUnder(model.directory, [['refused', model.reason]]);
  return rowsUnder(model.directory, [
    ['model', `${model.id}, a ${FAMILIES[model.description.family]}`],
    ['pictures', picturesOf(model)],
    ['texts', textsOf(model)],
    ['embedding', `${model.description.dimension} numbers`],
    ['weights', weightsOf(model)],
    ['heads', model.heads.join(', ') || 'none'],
    ['golden', model.golden ? `${model.golden.pictures} pictures, ${model.golden.texts} texts` : 'none'],
    ['digest', `${model.digest}, of its embeddings ${model.embeddingDigest}`],
  ]);
}

/** What people are told of one that was verified. */
export function checkLines(directory: string, checks: readonly ModelCheck[]): readonly string[] {
  return rowsUnder(
    directory,
    checks.map(({ what, outcome, detail }) => [what, `${outcome}: ${detail}`]),
  );
}

/** What people are told of the speed of engines. */
export function benchLines(directory: string, engines: readonly EngineSpeed[]): readonly string[] {
  return rowsUnder(
    directory,
    engines.map((speed) => [
      speed.engine,
      speed.outcome === 'unavailable'
        ? `not measured: ${speed.reason}`
        : [`starts in ${(speed.startMs / 1000).toFixed(1)} s`, ...speed.speeds.map(speedLine)].join('\n'),
    ]),
  );
}

function speedLine(speed: Extract<EngineSpeed, { outcome: 'measured' }>['speeds'][number]): string {
  const [pictures, texts] = [speed.picturesPerSecond, speed.textsPerSecond].map((value) => value.toFixed(1));
  return `${String(speed.batch).padStart(4)} at once: ${pictures} pictures/s, ${texts} texts/s`;
}

function picturesOf({ description: { image, pictures } }: UsableModel): string {
  const letter = LETTERS[image.width];
  const name = letter === undefined ? 'ViT' : `ViT-${letter}/${image.patch}`;
  const { layers, width, patch, side } = image;
  return `${name}, ${layers} layers of ${width}, patches of ${patch} px, ${side} × ${side} px by ${pictures.kernel} ${pictures.resize.kind}`;
}

function textsOf({ description: { text } }: UsableModel): string {
  return `${text.layers} layers of ${text.width}, up to ${text.contextLength} tokens of ${text.vocabulary}`;
}

function weightsOf({ weights, hasGraphs }: UsableModel): string {
  const graphs = hasGraphs ? 'graphs of its own' : 'graphs are written at the first start';
  if (weights === null) return `none, ${graphs}`;
  const millions = (weights.parameters / 1e6).toFixed(1);
  return `${millions} million numbers in ${weights.types.join(' and ')}, ${megabytes(weights.bytes)}; ${graphs}`;
}

/** For people. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** A heading and rows of name and value; further lines of a value stand under its first. */
function rowsUnder(heading: string, rows: readonly (readonly [name: string, value: string])[]): readonly string[] {
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    heading,
    ...rows.flatMap(([name, value]) =>
      value.split('\n').map((line, at) => `  ${(at === 0 ? name : '').padEnd(width)}  ${line}`),
    ),
  ];
}
