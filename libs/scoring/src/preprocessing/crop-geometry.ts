/** Where the model's square lies in the resized picture, all in pixels of the resized picture. */
export interface CropGeometry {
  readonly resizedWidth: number;
  readonly resizedHeight: number;
  readonly left: number;
  readonly top: number;
}

/**
 * Short side to `side`, long side truncated, then a centred square with offsets rounded half to even: what torchvision's
 * `Resize` and `CenterCrop` do in OpenAI's CLIP (`clip.py`, `_transform`). Hugging Face rounds the offset down instead.
 */
export function cropGeometry(width: number, height: number, side: number): CropGeometry {
  const resizedWidth = width <= height ? side : Math.trunc((side * width) / height);
  const resizedHeight = width <= height ? Math.trunc((side * height) / width) : side;
  return {
    resizedWidth,
    resizedHeight,
    left: roundHalfToEven((resizedWidth - side) / 2),
    top: roundHalfToEven((resizedHeight - side) / 2),
  };
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  if (value - floor !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
