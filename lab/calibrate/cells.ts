import { type ShapeName, shapeNames } from './shapes.js';

/** The candidate's share over a run. */
export const shareNames = ['50 %', '5 %', '1 %', 'ramp'] as const;
export type ShareName = (typeof shareNames)[number];

const RAMP: readonly number[] = [0.01, 0.05, 0.1, 0.25, 0.5];

/** The share when `fraction` of the run has passed; the ramp has five stages of equal length. */
export function shareAt(share: ShareName, fraction: number): number {
  switch (share) {
    case '50 %':
      return 0.5;
    case '5 %':
      return 0.05;
    case '1 %':
      return 0.01;
    case 'ramp':
      return RAMP[Math.min(RAMP.length - 1, Math.floor(RAMP.length * fraction))] as number;
    default:
      return share satisfies never;
  }
}

/**
 * What is true of the candidate.
 * - `no-effect`: its mean (where the shape is the same, its law) is control's.
 * - `at-margin`: its mean is worse by exactly the margin. "Harmful" and "non-inferior" are both wrong.
 * - `at-rate-ratio`: bad events are exactly 1.5 times as frequent: the boundary of the tilt with a relative margin.
 * - `at-tail-margin`: every value is exactly 1.25 times as large: the boundary of the tilt on the upper tail.
 * - `at-lower-tail-ratio`: values below control's low quantiles are exactly 1.5 times as frequent: that of the lower tail's.
 * - `harm`: it is harmful; what counts is how soon that is found.
 */
export type Truth = 'no-effect' | 'at-margin' | 'at-rate-ratio' | 'at-tail-margin' | 'at-lower-tail-ratio' | 'harm';

/**
 * Simulated together: one situation, all methods that have something to say about it. The peers' rules are built for an hour
 * of traffic and have cells of their own, of that length; under `harm` all are watched for that long, on the same events.
 */
export interface MetricCell {
  readonly kind: 'metric';
  readonly contest: 'ours' | 'peers' | 'all';
  readonly shape: ShapeName;
  readonly truth: Truth;
  readonly share: ShareName;
  readonly isDrifting: boolean;
  /** Users are randomised and make several correlated generations each; otherwise every event is a unit of its own. */
  readonly isClustered: boolean;
}

/** Whether units arrive at the shares that were ordered. `off`: the candidate gets 1.3 times its odds. */
export interface SplitCell {
  readonly kind: 'split';
  readonly truth: 'as-ordered' | 'off';
  readonly share: ShareName;
  readonly isClustered: boolean;
}

export const designNames = ['paired', 'adjusted', 'ratio', 'preference'] as const;
export type DesignName = (typeof designNames)[number];

/** A method that needs more of a unit than one value: its pair, covariates, a denominator, a vote. Over a ramp the level drifts. */
export interface DesignCell {
  readonly kind: 'design';
  readonly design: DesignName;
  readonly truth: 'no-effect' | 'at-margin' | 'harm';
  /** Pairs and votes show both variants alike: 50 % only. */
  readonly share: ShareName;
  readonly isClustered: false;
}

export type Cell = MetricCell | SplitCell | DesignCell;

export function cellId(cell: Cell): string {
  const units = cell.isClustered ? 'several per user' : 'one per unit';
  switch (cell.kind) {
    case 'metric':
      return [cell.contest, cell.shape, cell.truth, cell.share, cell.isDrifting ? 'drift' : 'stationary', units].join(
        '/',
      );
    case 'split':
      return ['split', cell.truth, cell.share, units].join('/');
    case 'design':
      return ['design', cell.design, cell.truth, cell.share].join('/');
    default:
      return cell satisfies never;
  }
}

/** Every cell, the dearest first, so that no worker is left with a long one at the end. */
export function allCells(): readonly Cell[] {
  const metric: MetricCell[] = [];
  for (const contest of ['peers', 'ours'] as const) {
    for (const isClustered of [false, true]) {
      for (const isDrifting of [false, true]) {
        for (const shape of shapeNames) {
          for (const truth of truthsOf(shape)) {
            if (contest === 'peers' && truth !== 'no-effect' && truth !== 'at-margin') continue;
            for (const share of shareNames) {
              metric.push({ kind: 'metric', contest, shape, truth, share, isDrifting, isClustered });
            }
          }
        }
      }
    }
  }
  const harm = shapeNames.flatMap((shape) =>
    shareNames.map((share): MetricCell => {
      const truth = 'harm';
      return { kind: 'metric', contest: 'all', shape, truth, share, isDrifting: false, isClustered: false };
    }),
  );
  const split = [false, true].flatMap((isClustered) =>
    (['as-ordered', 'off'] as const).flatMap((truth) =>
      shareNames.map((share): SplitCell => ({ kind: 'split', truth, share, isClustered })),
    ),
  );
  const design = designNames.flatMap((name) =>
    (['no-effect', 'at-margin', 'harm'] as const).flatMap((truth) =>
      sharesOf(name).map((share): DesignCell => ({ kind: 'design', design: name, truth, share, isClustered: false })),
    ),
  );
  return [...harm, ...metric, ...design, ...split];
}

function truthsOf(shape: ShapeName): readonly Truth[] {
  switch (shape) {
    case 'binary':
      return ['no-effect', 'at-margin', 'at-rate-ratio'];
    case 'lognormal':
      return ['no-effect', 'at-margin', 'at-tail-margin'];
    case 'bounded':
      return ['no-effect', 'at-margin', 'at-lower-tail-ratio'];
    case 'spread-doubled':
    case 'other-shape':
      return ['no-effect', 'at-margin'];
    default:
      return shape satisfies never;
  }
}

function sharesOf(design: DesignName): readonly ShareName[] {
  return design === 'paired' || design === 'preference' ? ['50 %'] : shareNames;
}
