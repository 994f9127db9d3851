export * from './covariance.js';
export * from './embedding-means.js';
export * from './moments.js';
export * from './quantile-sketch.js';
export * from './ratio.js';
