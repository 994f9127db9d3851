import type { Family } from '../checkpoint/description.js';
import { clipImageGraph, clipTextGraph } from './clip-graphs.js';
import { siglipImageGraph, siglipTextGraph } from './siglip-graphs.js';
import type { TowerGraph, TowerSource } from './tower-parts.js';

interface FamilyGraphs {
  image(source: TowerSource): TowerGraph;
  text(source: TowerSource): TowerGraph;
}

const GRAPHS: Readonly<Record<Family, FamilyGraphs>> = {
  clip: { image: clipImageGraph, text: clipTextGraph },
  siglip: { image: siglipImageGraph, text: siglipTextGraph },
};

/** The image tower: uint8 `pixels` [batch, side, side, 3] to the L2-normalised `embedding`. */
export function imageGraph(source: TowerSource): TowerGraph {
  return GRAPHS[source.description.family].image(source);
}

/** The text tower: int64 `input_ids` [batch, length] to the L2-normalised `embedding`. */
export function textGraph(source: TowerSource): TowerGraph {
  return GRAPHS[source.description.family].text(source);
}
