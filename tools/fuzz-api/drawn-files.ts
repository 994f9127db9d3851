import { readFile } from 'node:fs/promises';
import type { SimulationRandom } from '#libs/testing/random';
import { parse } from 'yaml';

/** A mapping as YAML and JSON have it. */
type Mapping = Readonly<Record<string, unknown>>;

/** What experiment files are drawn from: those of the documentation, whole, by part, and by what stands anywhere under one name. */
export interface FileCorpus {
  readonly files: readonly Mapping[];
  readonly parts: ReadonlyMap<string, readonly unknown[]>;
  readonly values: ReadonlyMap<string, readonly unknown[]>;
}

/** What has to be as the fuzzed installation wants it. */
export interface DrawnFrame {
  readonly key: string;
  readonly service: string;
  /** Of every variant: orders can lead requests nowhere else. */
  readonly upstream: string;
}

const PAGES = ['docs/experiment-file.md', 'docs/coming-from.md', 'README.md'];
/** What says who and where, and is not drawn. */
const FRAME = new Set(['apiVersion', 'key', 'service', 'slot', 'route']);
/** Numbers that are borders somewhere. */
const NUMBERS = [0, 1, -1, 0.5, 2, 30, 1_000, 1_000_000, 1e-9, 1e308];
const MOST_CHANGES = 3;

/** Reads the examples of the documentation: every block of YAML that is a file, or a part of one. */
export async function readCorpus(): Promise<FileCorpus> {
  const pages = await Promise.all(PAGES.map((page) => readFile(page, 'utf8')));
  const example = await readFile('examples/experiment.yaml', 'utf8');
  const blocks = pages.flatMap((page) => [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text ?? ''));
  const written = [example, ...blocks].flatMap(mappingIn);
  const files = written.filter(({ apiVersion }) => apiVersion === 'teststrip/v1');
  const known = new Set(files.flatMap((file) => Object.keys(file)));
  const parts = new Map<string, unknown[]>();
  const values = new Map<string, unknown[]>();
  for (const mapping of written.filter((one) => Object.keys(one).some((name) => known.has(name)))) {
    for (const [name, value] of Object.entries(mapping)) if (!FRAME.has(name)) note(parts, name, value);
    noteAll(values, mapping);
  }
  return { files, parts, values };
}

/** A file of the corpus of which up to three things are otherwise: most such files are valid, and mean what nobody has written yet. */
export function drawFile(corpus: FileCorpus, random: SimulationRandom, frame: DrawnFrame): Mapping {
  let file: Mapping = { ...picked(corpus.files, random) };
  const changes = Math.floor(random.uniform() * (MOST_CHANGES + 1));
  for (let change = 0; change < changes; change += 1) file = changed(file, corpus, random);
  const { key, service, upstream } = frame;
  return { ...(withUpstream(file, upstream) as Mapping), key, service };
}

function changed(file: Mapping, { parts, values }: FileCorpus, random: SimulationRandom): Mapping {
  const kind = random.uniform();
  if (kind < 0.5) {
    const name = picked([...parts.keys()], random);
    return { ...file, [name]: picked(parts.get(name) ?? [], random) };
  }
  const names = Object.keys(file).filter((name) => !FRAME.has(name));
  if (kind < 0.6) {
    const dropped = picked(names, random);
    return Object.fromEntries(Object.entries(file).filter(([name]) => name !== dropped));
  }
  const name = picked(names, random);
  return { ...file, [name]: varied(file[name], name, { values, random }) };
}

interface Varying {
  readonly values: FileCorpus['values'];
  readonly random: SimulationRandom;
}

/** One thing in it, however deep, gives way to another that stands under the same name somewhere, or to a number that is a border. */
function varied(value: unknown, name: string, varying: Varying): unknown {
  const { values, random } = varying;
  const isLeaf = typeof value !== 'object' || value === null;
  if (isLeaf || random.uniform() < 0.3) {
    return typeof value === 'number' && random.uniform() < 0.5
      ? picked(NUMBERS, random)
      : picked(values.get(name) ?? [value], random);
  }
  if (Array.isArray(value)) {
    if (value.length === 0) return value;
    const at = Math.floor(random.uniform() * value.length);
    const other = varied(value[at], name, varying);
    return random.uniform() < 0.2 ? [...(value as unknown[]), other] : value.with(at, other);
  }
  const inner = picked(Object.keys(value), random);
  return { ...value, [inner]: varied((value as Mapping)[inner], inner, varying) };
}

function withUpstream(value: unknown, upstream: string): unknown {
  if (Array.isArray(value)) return value.map((one) => withUpstream(one, upstream));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      name === 'upstream' && typeof part === 'string' ? upstream : withUpstream(part, upstream),
    ]),
  );
}

/** Blocks may be of something else than experiments, or of no one document. */
function mappingIn(text: string): readonly Mapping[] {
  try {
    const value: unknown = parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? [value as Mapping] : [];
  } catch {
    return [];
  }
}

function noteAll(values: Map<string, unknown[]>, value: unknown): void {
  if (Array.isArray(value)) return value.forEach((one) => noteAll(values, one));
  if (typeof value !== 'object' || value === null) return;
  for (const [name, part] of Object.entries(value)) {
    note(values, name, part);
    // Members of a list stand where one of them does.
    if (Array.isArray(part)) for (const one of part) note(values, name, one);
    noteAll(values, part);
  }
}

function note(values: Map<string, unknown[]>, name: string, value: unknown): void {
  values.set(name, [...(values.get(name) ?? []), value]);
}

/** @throws Error for a list of nothing */
export function picked<T>(from: readonly T[], random: SimulationRandom): T {
  if (from.length === 0) throw new Error('nothing to draw from');
  return from[Math.floor(random.uniform() * from.length)] as T;
}
