import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath, type FileHandle } from 'node:fs/promises';
import { sep } from 'node:path';
import { pipeline, Transform, type Readable, type TransformCallback } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { quantileSorted } from 'simple-statistics';
import { ProblemException } from '#libs/platform';
import type {
  FactReader,
  PictureName,
  PictureQuery,
  RecordedDefinition,
  RecordedPicture,
} from '#libs/persistence/reports';
import { likenessOf, type VariantLikeness } from './alike-prompts.js';
import { pictureAddress } from './picture-address.js';

/** How the pictures of each candidate differ from control's of the same prompts. */
export type ExperimentLikeness = { readonly candidates: readonly (VariantLikeness & { readonly variant: string })[] };

/** A picture as the page shows it. */
export interface ShownPicture extends RecordedPicture {
  /** Where the bytes are served. */
  readonly href: string;
}

/** What was delivered under an experiment, by variant. */
export interface ExperimentPictures {
  readonly variants: readonly VariantPictures[];
  /** A candidate's picture of a lower alignment counts as wrong: it fits worse than all but one in fifty of control's newest. Null while control has too few. */
  readonly wrongBelow: number | null;
}

export interface VariantPictures {
  readonly variant: string;
  readonly role: 'control' | 'candidate' | 'baseline';
  readonly latest: readonly ShownPicture[];
  /** Lowest alignment first, among the newest scored ones. */
  readonly worstAligned: readonly ShownPicture[];
}

export interface PictureBytes {
  readonly contentType: string;
  readonly sha256: string;
  readonly length: number;
  /** Read as fast as the client takes them: one that reads slowly holds a piece of the picture and not all of it. */
  readonly bytes: Readable;
}

/**
 * Shows pictures that the database knows and that lie under one of the picture roots; nothing else can be fetched through it,
 * whatever a message claimed its address to be.
 */
export class PictureGallery {
  constructor(
    private readonly facts: FactReader,
    private readonly roots: readonly string[],
  ) {}

  async ofExperiment({ experiment, revision, spec }: RecordedDefinition, limit: number): Promise<ExperimentPictures> {
    const read = (variant: string, order: PictureQuery['order'], atMost: number): Promise<readonly RecordedPicture[]> =>
      this.facts.pictures({ experiment, revision, variant, order, limit: atMost });
    const show = (picture: RecordedPicture): ShownPicture => shown(picture, spec.service);
    const ofControl = await read(spec.control, 'worst-aligned', MOST_SCORED);
    const variants = await Promise.all(
      Object.keys(spec.variants).map(async (variant): Promise<VariantPictures> => {
        const isControl = variant === spec.control;
        const [latest, worstAligned] = await Promise.all([
          read(variant, 'latest', limit),
          isControl ? ofControl.slice(0, limit) : read(variant, 'worst-aligned', limit),
        ]);
        const role = isControl ? 'control' : variant === spec.baseline ? 'baseline' : 'candidate';
        return { variant, role, latest: latest.map(show), worstAligned: worstAligned.map(show) };
      }),
    );
    const alignments = ofControl.flatMap(({ score }) => (score?.alignment == null ? [] : [score.alignment]));
    const wrongBelow = alignments.length < FEWEST_SCORED ? null : quantileSorted(alignments, WRONG_SHARE);
    return { variants, wrongBelow };
  }

  /** The prompts whose pictures are least and most alike, by their embeddings. */
  async likeness({ experiment, revision, spec }: RecordedDefinition, limit: number): Promise<ExperimentLikeness> {
    const candidates = Object.keys(spec.variants).filter((variant) => variant !== spec.control);
    const compared = candidates.map(async (variant) => {
      const of = { experiment, revision };
      const candidate = await this.facts.embeddedPictures({ ...of, variant, among: AMONG.candidate });
      const prompts = [...new Set(candidate.map(({ prompt }) => prompt))];
      // Control has most of the traffic: its pictures of the same prompts lie among many others.
      const control = await this.facts.embeddedPictures({
        ...of,
        variant: spec.control,
        among: AMONG.control,
        prompts,
      });
      return { variant, ...likenessOf(control, candidate, limit) };
    });
    return { candidates: await Promise.all(compared) };
  }

  /** The bytes of a picture, checked against the digest under which it was announced, if any. @throws ProblemException 404 or 409. */
  async bytes(name: PictureName): Promise<PictureBytes> {
    const { service, generationId, imageIndex } = name;
    const picture = await this.facts.picture(name);
    if (!picture)
      throw notFound(`No picture ${imageIndex} of a generation "${generationId}" was ever announced by ${service}.`);
    const file = await this.openInsideRoots(picture.uri);
    if (!file) throw notFound('The picture is not kept under a folder that this service may show.');
    try {
      const length = await lengthOf(file);
      const sha256 = await digestOf(file, length);
      if (picture.sha256 !== null && sha256 !== picture.sha256) throw anotherPicture(generationId, picture.sha256);
      const contentType = picture.format === null ? 'application/octet-stream' : `image/${picture.format}`;
      const read = file.createReadStream({ start: 0, end: Math.max(0, length - 1) });
      return { contentType, sha256, length, bytes: pipeline(read, new SamePicture(sha256), () => undefined) };
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Resolves links first: a link inside a root that leads out of it is outside. */
  private async openInsideRoots(uri: string): Promise<FileHandle | undefined> {
    if (!uri.startsWith('file://')) return undefined;
    try {
      const path = await realpath(fileURLToPath(uri));
      const roots = await Promise.all(this.roots.map((root) => realpath(root).catch(() => undefined)));
      if (!roots.some((root) => root !== undefined && path.startsWith(root + sep))) return undefined;
      // Opening a pipe would wait for its writer, and with it whoever else reads files.
      return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch {
      return undefined;
    }
  }
}

/**
 * Passes on what was looked at before. What was written over it meanwhile is told by its digest only at the end: the last piece is held back until
 * then, so that a client never gets a whole picture that is another one.
 */
class SamePicture extends Transform {
  private readonly hash = createHash('sha256');
  private last: Buffer | undefined;

  constructor(private readonly sha256: string) {
    super();
  }

  override _transform(piece: Buffer, _encoding: string, done: TransformCallback): void {
    this.hash.update(piece);
    const before = this.last;
    this.last = piece;
    done(null, before);
  }

  override _flush(done: TransformCallback): void {
    const isSame = this.hash.digest('hex') === this.sha256;
    done(isSame ? null : new Error('the file was written while it was sent'), isSame ? this.last : undefined);
  }
}

/** Generations that are looked at for pictures of one prompt. */
const AMONG = { candidate: 500, control: 20_000 };

const PIECE_BYTES = 64 * 1024;

async function lengthOf(file: FileHandle): Promise<number> {
  const status = await file.stat();
  if (!status.isFile()) throw notFound('What is kept there is no regular file.');
  if (status.size > MAX_BYTES)
    throw notFound(`The picture has ${status.size} bytes; more than ${MAX_BYTES} are not shown.`);
  return status.size;
}

/** Of the first `length` bytes: those that are sent, also where the file grows meanwhile. */
async function digestOf(file: FileHandle, length: number): Promise<string> {
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let position = 0;
  while (position < length) {
    const { bytesRead } = await file.read(piece, 0, Math.min(piece.length, length - position), position);
    if (bytesRead === 0) break;
    hash.update(piece.subarray(0, bytesRead));
    position += bytesRead;
  }
  return hash.digest('hex');
}

function anotherPicture(generationId: string, announced: string): ProblemException {
  return new ProblemException({
    title: 'Another picture',
    status: 409,
    detail: `The file of generation "${generationId}" is not the one that was announced: expected sha256 ${announced}.`,
  });
}

/** Far above any picture a model makes, far below what would hurt this process. */
const MAX_BYTES = 32 * 1024 * 1024;

/** As many scored pictures of a variant as the reader looks at. */
const MOST_SCORED = 500;
/** Fewer say too little of where the tail begins. */
const FEWEST_SCORED = 50;
/** The tail of control's alignments that the metric `wrong-pictures` looks at. */
const WRONG_SHARE = 0.02;

function shown(picture: RecordedPicture, service: string): ShownPicture {
  return { ...picture, href: pictureAddress({ ...picture, service }) };
}

function notFound(detail: string): ProblemException {
  return new ProblemException({ title: 'No such picture', status: 404, detail });
}
