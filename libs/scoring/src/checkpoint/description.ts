/** What the two towers of a checkpoint are, and how pictures and texts enter them: everything an engine needs besides the weights. */
export interface CheckpointDescription {
  readonly family: Family;
  /** `_name_or_path` of config.json; null where it says nothing. */
  readonly name: string | null;
  /** Length of an embedding. */
  readonly dimension: number;
  readonly image: ImageTower;
  readonly text: TextTower;
  readonly pictures: PictureSteps;
}

/**
 * Decides the names of the tensors, the pooling and how texts are padded. `clip`: a class token, causal texts read at their end, projections.
 * `siglip`: attention pooling, texts that see all of themselves and are padded to the context's length and read at the last place (SigLIP, and
 * SigLIP 2 of a fixed resolution).
 */
export type Family = 'clip' | 'siglip';

/** Exact gelu, its tanh approximation, or x·σ(1.702x). */
export type Activation = 'gelu' | 'gelu-tanh' | 'quick-gelu';

/** A stack of pre-norm transformer layers. */
export interface Tower {
  /** Numbers per token. */
  readonly width: number;
  /** Numbers per token inside the feed-forward part of a layer. */
  readonly mlpWidth: number;
  readonly layers: number;
  /** Attention heads; `width` is a multiple of it. */
  readonly heads: number;
  readonly activation: Activation;
  /** Added to the variance in every layer norm. */
  readonly epsilon: number;
}

export interface ImageTower extends Tower {
  /** Side of the square pictures it takes, pixels. */
  readonly side: number;
  /** Side of a square patch, pixels; what is left over at the right and at the bottom is not looked at. */
  readonly patch: number;
}

export interface TextTower extends Tower {
  /** Token ids are below it. */
  readonly vocabulary: number;
  /** Most tokens of a text, start and end included. */
  readonly contextLength: number;
  /**
   * The last token of a text, padding aside; a CLIP's embedding is read at the first token with this id. By the tokenizer: old configurations
   * say 2, which is another token.
   */
  readonly endOfText: number;
}

/** From a decoded picture to the numbers that enter the image tower. */
export interface PictureSteps {
  readonly resize: Resize;
  readonly kernel: Kernel;
  /** Side of the square after cropping or padding, pixels: that of the image tower. */
  readonly side: number;
  /** How the offset of the centred square is rounded: transformers rounds down, torchvision half to even. */
  readonly offsets: 'floor' | 'half-even';
  /** An 8-bit value is multiplied by this, then the mean is taken off and the rest divided by the deviation, per channel R, G, B. */
  readonly rescale: number;
  readonly mean: Rgb;
  readonly deviation: Rgb;
}

/**
 * `crop`: the short side becomes `edge`, the centred square is kept. `squash`: both sides become `edge`, the shape is lost.
 * `letterbox`: the long side becomes `edge`, the rest is black.
 */
export interface Resize {
  readonly kind: 'crop' | 'squash' | 'letterbox';
  /** Pixels. */
  readonly edge: number;
}

/** Pillow's resampling filters with antialiasing. */
export type Kernel = 'bicubic' | 'bilinear' | 'lanczos' | 'box' | 'hamming';

export type Rgb = readonly [number, number, number];
