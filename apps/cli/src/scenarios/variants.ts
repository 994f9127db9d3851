import { join } from 'node:path';
import type { VariantConfig } from '#libs/contracts';
import { spawnApp, type Child } from './child-process.js';
import type { Stack } from './stack.js';

/** The two inference services of a story. */
export interface Variants {
  readonly upstreams: { readonly control: string; readonly candidate: string };
  stop(): Promise<void>;
}

export interface VariantsOptions {
  readonly service: string;
  readonly control: VariantConfig;
  readonly candidate: VariantConfig;
  /** So many different pictures, drawn once; 0: every one is drawn. */
  readonly rememberPictures: number;
  readonly signal?: AbortSignal | undefined;
}

/** After so many a variant's process has its usual speed. */
const WARM_UP_REQUESTS = 1_500;
/** On a busy machine that takes its time. */
const WARM_WITHIN_MS = 120_000;

/** Starts both, warm. Where one can't be started, the other one does not stay behind. */
export async function startVariants(stack: Stack, options: VariantsOptions): Promise<Variants> {
  const starts = await Promise.allSettled([
    startVariant(stack, 'control', options),
    startVariant(stack, 'candidate', options),
  ]);
  const started = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  const stop = async (): Promise<void> => void (await Promise.all(started.map((child) => child.stop())));
  const failed = starts.find((start) => start.status === 'rejected');
  if (failed) {
    await stop();
    throw failed.reason;
  }
  const [control, candidate] = started.map(({ ready }) => String(ready['url'])) as [string, string];
  return { upstreams: { control, candidate }, stop };
}

function startVariant(stack: Stack, variant: 'control' | 'candidate', options: VariantsOptions): Promise<Child> {
  const { service, rememberPictures, signal } = options;
  const settings = {
    ...stack.settings,
    SERVICE: service,
    VARIANT_CONFIG: JSON.stringify(options[variant]),
    WARM_UP_REQUESTS: String(WARM_UP_REQUESTS),
    REMEMBER_PICTURES: String(rememberPictures),
    INFERENCE_PORT: '0',
    PICTURE_FOLDER: join(stack.pictureFolder, service, variant),
  };
  return spawnApp('inference', settings, { timeoutMs: WARM_WITHIN_MS, signal });
}
