import type { PictureSteps } from '../checkpoint/description.js';

/** Which part of the resized picture is kept, and where it lies in the model's square; all in pixels. */
export interface CropGeometry {
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  /** The part that is kept. */
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Where it lies in the square; 0 unless there are borders. */
  readonly squareLeft: number;
  readonly squareTop: number;
}

export type SquareSteps = Pick<PictureSteps, 'resize' | 'side' | 'offsets'>;

/** Where the model's square comes from, in a picture of this size. */
export function cropGeometry(width: number, height: number, steps: SquareSteps): CropGeometry {
  const { edge, kind } = steps.resize;
  switch (kind) {
    case 'crop':
      // The long side is truncated, as torchvision's `Resize` and transformers do.
      return centred(
        width <= height ? edge : Math.trunc((edge * width) / height),
        width <= height ? Math.trunc((edge * height) / width) : edge,
        steps,
      );
    case 'squash':
      return centred(edge, edge, steps);
    case 'letterbox':
      return letterbox(width, height, edge);
    default:
      return kind satisfies never;
  }
}

function centred(resizedWidth: number, resizedHeight: number, { side, offsets }: SquareSteps): CropGeometry {
  const round = offsets === 'floor' ? Math.floor : roundHalfToEven;
  return {
    resizedWidth,
    resizedHeight,
    left: round((resizedWidth - side) / 2),
    top: round((resizedHeight - side) / 2),
    width: side,
    height: side,
    squareLeft: 0,
    squareTop: 0,
  };
}

/** open_clip's `ResizeMaxSize`: the long side becomes `side`, the borders are even or one pixel wider at the right and at the bottom. */
function letterbox(width: number, height: number, side: number): CropGeometry {
  const scale = side / Math.max(width, height);
  const resizedWidth = Math.max(1, roundHalfToEven(width * scale));
  const resizedHeight = Math.max(1, roundHalfToEven(height * scale));
  return {
    resizedWidth,
    resizedHeight,
    left: 0,
    top: 0,
    width: resizedWidth,
    height: resizedHeight,
    squareLeft: Math.floor((side - resizedWidth) / 2),
    squareTop: Math.floor((side - resizedHeight) / 2),
  };
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
