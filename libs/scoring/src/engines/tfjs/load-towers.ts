import type { CheckpointDescription, Family } from '../../checkpoint/description.js';
import type { Weights } from '../../checkpoint/open-weights.js';
import { clipImageTower, clipTextTower } from './clip-towers.js';
import { siglipImageTower, siglipTextTower } from './siglip-towers.js';
import type { Tfjs } from './tfjs-ops.js';
import type { PixelBatch, TfjsTower, TfjsTowers } from './tower-parts.js';
import { LayerLoader } from './transformer.js';

interface FamilyTowers {
  image(loader: LayerLoader, description: CheckpointDescription): Promise<TfjsTower<PixelBatch>>;
  text(loader: LayerLoader, description: CheckpointDescription): Promise<TfjsTower<readonly Int32Array[]>>;
}

const TOWERS: Readonly<Record<Family, FamilyTowers>> = {
  clip: { image: clipImageTower, text: clipTextTower },
  siglip: { image: siglipImageTower, text: siglipTextTower },
};

/** Puts both towers of a checkpoint on the device. */
export async function loadTowers(
  tf: Tfjs,
  weights: Pick<Weights, 'readTensor'>,
  description: CheckpointDescription,
): Promise<TfjsTowers> {
  const loader = new LayerLoader(tf, weights);
  const { image, text } = TOWERS[description.family];
  return { images: await image(loader, description), texts: await text(loader, description) };
}
