import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { CommandFailure, exitCodes } from '../../exit-codes.js';
import type { ModelFiles } from './model-files.js';

/** How the content of a file is known before it has come. */
export type ExpectedContent =
  | { readonly kind: 'sha256'; readonly hex: string }
  /** SHA-1 of a blob of Git, which hubs tell of small files. */
  | { readonly kind: 'git-blob'; readonly hex: string };

export interface WantedFile {
  readonly path: string;
  /** `http:`, `https:`, or a path on this machine. */
  readonly from: string;
  readonly bytes: number;
  readonly content: ExpectedContent;
}

export interface WantedModel {
  /** Id at the hub; null for one that is none of its. */
  readonly id: string | null;
  readonly revision: string | null;
  /** What the folder is called where nothing else is said. */
  readonly name: string;
  readonly files: readonly WantedFile[];
}

export interface HubOptions {
  /** Address of the hub. */
  readonly endpoint: string;
  readonly revision: string;
}

const DESCRIPTIONS = [
  'config.json',
  'preprocessor_config.json',
  'processor_config.json',
  'tokenizer_config.json',
  'tokenizer.json',
  'vocab.json',
  'merges.txt',
  'open_clip_config.json',
];
/** The first of them that a model has are its weights. */
const WEIGHTS = [
  /^model\.safetensors$/,
  /^model(?:\.safetensors\.index\.json|-\d+-of-\d+\.safetensors)$/,
  /^pytorch_model\.bin$/,
  /^pytorch_model(?:\.bin\.index\.json|-\d+-of-\d+\.bin)$/,
  /^open_clip_pytorch_model\.bin$/,
];
const HUB_ID = /^[\w.-]+\/[\w.-]+$/;

/**
 * What `pull` is asked for: an id at the hub, a manifest, or a folder with one, as `pull` and `add` leave them.
 * @throws CommandFailure when it is none of them; NotServedError when the hub does not have it
 */
export async function wantedModel(
  asked: string,
  source: ModelFiles,
  options: HubOptions,
  signal: AbortSignal,
): Promise<WantedModel> {
  if (existsSync(asked)) return statSync(asked).isDirectory() ? inFolder(asked) : byManifest(asked);
  if (/^https?:/.test(asked)) return fromManifest(asked, await source.json(asked, signal));
  if (HUB_ID.test(asked)) return atHub(asked, source, options, signal);
  throw new CommandFailure(
    exitCodes.usage,
    `${asked}: expected an id such as openai/clip-vit-base-patch32, a manifest, or a folder with one`,
  );
}

async function inFolder(folder: string): Promise<WantedModel> {
  const { MANIFEST } = await import('#libs/scoring');
  const path = join(folder, MANIFEST);
  if (!existsSync(path)) {
    throw new CommandFailure(exitCodes.usage, `${folder} has no ${MANIFEST}: "teststrip models add ${folder}" writes it`);
  }
  const wanted = await byManifest(path);
  return { ...wanted, files: wanted.files.map((file) => ({ ...file, from: resolve(folder, file.path) })) };
}

async function byManifest(path: string): Promise<WantedModel> {
  const { readManifest } = await import('#libs/scoring');
  return fromManifest(path, await readManifest(path));
}

async function fromManifest(path: string, content: unknown): Promise<WantedModel> {
  const { parseManifest } = await import('#libs/scoring');
  const { model, revision, files } = parseManifest(path, content);
  return {
    id: model ?? null,
    revision: revision ?? null,
    name: (model ?? 'model').split('/').at(-1)!,
    files: files.map(({ path: file, url, bytes, sha256 }) => ({
      path: file,
      from: url ?? resolve(path, '..', file),
      bytes,
      content: { kind: 'sha256', hex: sha256 },
    })),
  };
}

const hubAnswer = z.object({
  sha: z.string().regex(/^[0-9a-f]{40}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.int().min(0).optional(),
      blobId: z.string().optional(),
      lfs: z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/) }).nullish(),
    }),
  ),
});
type HubFile = z.infer<typeof hubAnswer>['siblings'][number];

async function atHub(
  id: string,
  source: ModelFiles,
  { endpoint, revision }: HubOptions,
  signal: AbortSignal,
): Promise<WantedModel> {
  const url = `${endpoint}/api/models/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const answer = hubAnswer.safeParse(await source.json(url, signal));
  if (!answer.success) {
    throw new CommandFailure(exitCodes.unreachable, `${url} does not answer as a hub of Hugging Face does`);
  }
  const { sha, siblings } = answer.data;
  const chosen = chooseFiles(siblings.map(({ rfilename }) => rfilename));
  if (chosen === null) {
    const has = siblings.map(({ rfilename }) => rfilename).slice(0, 20);
    throw new CommandFailure(exitCodes.usage, `${id} has no weights that are read, but ${has.join(', ')}`);
  }
  return {
    id,
    revision: sha,
    name: id.split('/')[1]!,
    files: chosen.map((name) => {
      const file = siblings.find(({ rfilename }) => rfilename === name)!;
      return { path: name, from: `${endpoint}/${id}/resolve/${sha}/${name}`, ...contentAtHub(url, file) };
    }),
  };
}

/** Descriptions first: what is of another architecture is found out before its weights are fetched. Null without weights. */
function chooseFiles(names: readonly string[]): readonly string[] | null {
  const kind = WEIGHTS.find((pattern) => names.some((name) => pattern.test(name)));
  if (kind === undefined) return null;
  return [...DESCRIPTIONS.filter((name) => names.includes(name)), ...names.filter((name) => kind.test(name)).sort()];
}

function contentAtHub(url: string, { rfilename, size, blobId, lfs }: HubFile): Pick<WantedFile, 'bytes' | 'content'> {
  if (size === undefined || (!lfs && blobId === undefined)) {
    throw new CommandFailure(exitCodes.unreachable, `${url} says neither size nor digest of ${rfilename}`);
  }
  return {
    bytes: size,
    content: lfs ? { kind: 'sha256', hex: lfs.sha256 } : { kind: 'git-blob', hex: blobId! },
  };
}
