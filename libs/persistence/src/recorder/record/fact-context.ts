import type { Assignment, TeststripEvent } from '#libs/contracts';
import { knownDigest } from '../../schema/fact-keys.js';
import { packImages, type PackedImages } from './pack-images.js';
import { CommonTexts } from './common-texts.js';

/** What a fact says like many others, and the name of that. */
export interface FactContext {
  readonly digest: string;
  readonly document: object;
  /** Of a generation: what of its pictures is its own. */
  readonly images?: PackedImages;
  /** Of a generation: where it is common, the context says it. */
  readonly negativePrompt?: string | undefined;
}

const commonTexts = new CommonTexts();

export function requestContext({ data }: TeststripEvent<'request.routed.v1'>): FactContext {
  const { service, assignment, slot, upstream, outcome, status } = data;
  return named({ service, assignment: assignment && sharedAssignment(assignment), slot, upstream, outcome, status });
}

/** The assignment without what differs from request to request: the same object's text for all requests to a variant under one epoch. */
function sharedAssignment({ unit: _unit, assignedAt: _at, pair: _pair, ...shared }: Assignment): object {
  return shared;
}

export function generationContext({ data, subject }: TeststripEvent<'generation.completed.v1'>): FactContext {
  const { service, assignment, fingerprint, config, mode, outcome, negativePrompt } = data;
  const isCommonText = (text: string): boolean => commonTexts.note(text, assignment?.unit ?? subject);
  const images = packImages(data, isCommonText);
  const isCommon = negativePrompt !== undefined && isCommonText(negativePrompt);
  const document = {
    ...armOf(assignment),
    service,
    fingerprint,
    config,
    mode,
    outcome,
    images: images.shared,
    ...(isCommon ? { negativePrompt } : {}),
  };
  return { ...named(document), images, negativePrompt: isCommon ? undefined : negativePrompt };
}

export function scoreContext({ data }: TeststripEvent<'image.scored.v1'>): FactContext {
  const { service, assignment, identity, outcome, blank } = data;
  const { blankKind, promptTruncated, promptWindows, promptClass, decoding } = data;
  return named({
    ...armOf(assignment),
    service,
    identity,
    outcome,
    blank,
    blankKind,
    promptTruncated,
    promptWindows,
    promptClass,
    decoding,
  });
}

function armOf(assignment: Assignment | null): object {
  if (assignment === null) return {};
  const { experiment, revision, variant } = assignment;
  return { experiment, revision, variant };
}

function named(document: object): FactContext {
  return { digest: knownDigest(JSON.stringify(document)), document };
}
