import type { Shape } from './scene.js';

/**
 * Anti-aliased share of a pixel covered by a shape of radius `radiusPx` whose centre lies (−`dx`, −`dy`) px from the pixel's centre.
 * Signed distances need only +, −, ×, ÷, √, |·|, min and max, which IEEE 754 defines to the bit.
 */
export function coverage(shape: Shape, dx: number, dy: number, radiusPx: number): number {
  const distancePx = signedDistance(shape, dx / radiusPx, dy / radiusPx) * radiusPx;
  if (distancePx <= -0.5) return 1;
  if (distancePx >= 0.5) return 0;
  return 0.5 - distancePx;
}

/** Distance to the outline of the shape of radius 1 around (0, 0), y downwards; negative inside. */
function signedDistance(shape: Shape, x: number, y: number): number {
  const across = Math.abs(x);
  const down = Math.abs(y);
  switch (shape) {
    case 'circle':
      return Math.sqrt(x * x + y * y) - 0.96;
    case 'ring':
      return Math.abs(Math.sqrt(x * x + y * y) - 0.78) - 0.22;
    case 'square':
      return Math.max(across, down) - 0.86;
    case 'cross':
      return Math.max(Math.min(across, down) - 0.29, Math.max(across, down) - 1);
    case 'triangle':
      return polygonDistance(TRIANGLE, x, y);
    case 'star':
      return polygonDistance(STAR, x, y);
    default:
      return shape satisfies never;
  }
}

interface Corner {
  readonly x: number;
  readonly y: number;
}

const TRIANGLE: readonly Corner[] = [
  { x: 0, y: -1 },
  { x: 1.06, y: 0.8 },
  { x: -1.06, y: 0.8 },
];

const STAR = fivePointedStar(1.14, 0.44);

/** The sine and cosine of 36° and 72° are written out because `Math.sin` may differ in its last bit between engines. */
function fivePointedStar(outer: number, inner: number): readonly Corner[] {
  const [sin36, cos36, sin72, cos72] = [
    0.5877852522924731, 0.8090169943749475, 0.9510565162951535, 0.30901699437494745,
  ];
  const right = [
    { x: inner * sin36, y: -inner * cos36 },
    { x: outer * sin72, y: -outer * cos72 },
    { x: inner * sin72, y: inner * cos72 },
    { x: outer * sin36, y: outer * cos36 },
  ];
  const left = right.map(({ x, y }) => ({ x: -x, y })).reverse();
  return [{ x: 0, y: -outer }, ...right, { x: 0, y: inner }, ...left];
}

/** Exact signed distance to a polygon: nearest point over all edges, sign by the crossings of a ray to the right. O(corners). */
function polygonDistance(corners: readonly Corner[], x: number, y: number): number {
  let nearestSquared = Infinity;
  let inside = false;
  let from = corners[corners.length - 1]!;
  for (const to of corners) {
    const edgeX = to.x - from.x;
    const edgeY = to.y - from.y;
    const offX = x - from.x;
    const offY = y - from.y;
    const along = Math.min(Math.max((offX * edgeX + offY * edgeY) / (edgeX * edgeX + edgeY * edgeY), 0), 1);
    const gapX = offX - edgeX * along;
    const gapY = offY - edgeY * along;
    nearestSquared = Math.min(nearestSquared, gapX * gapX + gapY * gapY);
    if (from.y > y !== to.y > y && offX < (edgeX * offY) / edgeY) inside = !inside;
    from = to;
  }
  const distance = Math.sqrt(nearestSquared);
  return inside ? -distance : distance;
}
