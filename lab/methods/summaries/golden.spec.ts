import {
  type Covariance,
  covarianceMatrix,
  type EmbeddingMeans,
  embeddingSpread,
  initialCovariance,
  initialEmbeddingMeans,
  linearisedRatio,
  meanEmbedding,
  meanPairwiseProduct,
  momentsOf,
  observeEmbedding,
  observePair,
  ratioBaseline,
  type RatioBaseline,
  ratioOf,
  squaredMeanDistance,
  standardErrorOf,
  varianceOf,
} from '#libs/statistics';
import golden from '../../../libs/testing/golden/summaries.json' with { type: 'json' };
import { describeGolden, type Numbers } from '#libs/testing/figures';
import { compareClusters } from '../confidence-sequences/clustered-mean-difference.js';
import {
  clusterMean,
  type ClusterMoments,
  designEffect,
  initialClusterMoments,
  NEW_UNIT,
  observeInUnit,
} from './cluster-moments.js';
import { adjustedMean, adjustedVariance, pooledSlope, varianceReduction } from './regression-adjustment.js';

type Rows = readonly (readonly number[])[];
type Clusters = readonly (readonly number[])[];
type Pairs = readonly (readonly [x: number, y: number])[];

const ours: Readonly<Record<string, (...args: never[]) => Numbers>> = {
  moments: (values: readonly number[]) => {
    const state = momentsOf(values);
    return [state.mean, varianceOf(state), standardErrorOf(state)];
  },
  covarianceMatrix: (x: readonly number[], y: readonly number[]) => {
    const matrix = covarianceMatrix(covarianceOf(x, y));
    return [matrix?.xx, matrix?.yy, matrix?.xy];
  },
  ratioOf: (x: readonly number[], y: readonly number[]) => {
    const estimate = ratioOf(covarianceOf(x, y));
    return [estimate?.ratio, estimate?.variance];
  },
  linearisedRatio: (x: readonly number[], y: readonly number[], numerator: number, denominator: number) => [
    linearisedRatio(numerator, denominator, ratioBaseline(covarianceOf(x, y)) as RatioBaseline),
  ],
  regressionAdjustment: (groups: readonly Pairs[], centre: number) => {
    const states = groups.map((pairs) => covarianceOf(column(pairs, 0), column(pairs, 1)));
    const theta = pooledSlope(states);
    const first = states[0] as Covariance;
    return [theta, adjustedMean(first, theta, centre), adjustedVariance(first, theta), varianceReduction(states)];
  },
  clusterMean: (centre: number, clusters: Clusters) => {
    const state = clustersOf(centre, clusters);
    const estimate = clusterMean(state);
    return [estimate?.mean, estimate?.variance, designEffect(state, varianceOf(momentsOf(clusters.flat())))];
  },
  compareClusters: (centre: number, control: Clusters, candidate: Clusters) => {
    const compared = compareClusters(clustersOf(centre, control), clustersOf(centre, candidate));
    return [
      compared?.difference,
      compared?.standardError,
      compared?.relative?.difference,
      compared?.relative?.standardError,
    ];
  },
  embeddingMeans: (a: Rows, b: Rows) => {
    const [first, second] = [embeddingsOf(a), embeddingsOf(b)];
    return [
      ...(meanEmbedding(first) ?? []),
      embeddingSpread(first),
      meanPairwiseProduct(first),
      squaredMeanDistance(first, second),
    ];
  },
};

// Values a million away from 0 keep ten digits of their spread.
describeGolden('summaries', golden.values, ours, (wanted) => 1e-9 * Math.abs(wanted));

function covarianceOf(x: readonly number[], y: readonly number[]): Covariance {
  const state = initialCovariance();
  x.forEach((value, index) => observePair(state, value, y[index] as number));
  return state;
}

function embeddingsOf(rows: Rows): EmbeddingMeans {
  const state = initialEmbeddingMeans((rows[0] as readonly number[]).length);
  for (const row of rows) observeEmbedding(state, row);
  return state;
}

function column(pairs: Pairs, at: 0 | 1): readonly number[] {
  return pairs.map((pair) => pair[at]);
}

function clustersOf(centre: number, clusters: Clusters): ClusterMoments {
  const state = initialClusterMoments(centre);
  for (const values of clusters) {
    let unit = NEW_UNIT;
    for (const value of values) unit = observeInUnit(state, unit, value);
  }
  return state;
}
