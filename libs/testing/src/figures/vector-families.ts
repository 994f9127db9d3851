/** Which reference vectors belong together, by the beginning of their id: each family is checked by one spec beside the method. */
export const vectorFamilies = {
  'special functions': ['sf-'],
  'fixed-horizon': ['sm-welch', 'sm-mcnemar', 'sm-tost', 'sm-brunner', 'sm-prop', 'sm-two-prop', 'sm-wilson', 'sp-mwu'],
  'many metrics': ['sm-hommel', 'sm-multitest', 'gb-bh', 'ebh-', 'evalue-average'],
  'confidence sequences': [
    'anycount',
    'asympcs-',
    'avlm-',
    'cluster-delta',
    'cs-',
    'lil-closed',
    'ni-asympcs',
    'predmix-',
  ],
  'e-processes': ['bern-loge', 'betting-', 'error-arm', 'msprt-', 'safe2x2', 'ssrm-', 'tilt-'],
  embeddings: ['mmd-'],
  preference: ['pref-sign', 'bt-'],
  peers: [
    'gb-power',
    'gb-srm',
    'gb-seq',
    'gb-mean',
    'gb-cuped',
    'gb-bayes',
    'gb-quantile',
    'gb-risk',
    'gb-onesided',
    'gb-welch',
    'gb-ratio',
    'eppo-',
    'kay-',
    'spot-',
    'statsig-',
  ],
} as const satisfies Record<string, readonly string[]>;

export type VectorFamily = keyof typeof vectorFamilies;
