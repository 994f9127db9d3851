import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { variantConfig, type VariantConfig } from '#libs/contracts';
import { commonVariables, documented, variables } from '#libs/platform';
import type { InferenceSettings } from './inference-server.js';

const configAsJson = z.string().transform((text, context): VariantConfig => {
  try {
    const parsed = variantConfig.safeParse(JSON.parse(text));
    if (parsed.success) return parsed.data;
    context.addIssue({ code: 'custom', message: z.prettifyError(parsed.error) });
  } catch (error) {
    context.addIssue({ code: 'custom', message: `expected JSON: ${(error as Error).message}` });
  }
  return z.NEVER;
});

/** Variables of the simulated inference service. */
export const inferenceVariables = {
  INFERENCE_PORT: documented(variables.port.default(8000), "Port of users' requests; 0 takes any free one."),
  INFERENCE_ADMIN_PORT: documented(
    variables.port.default(0),
    'Port of health and metrics; 0 takes any free one, since there are at least two of these services.',
  ),
  SERVICE: documented(variables.text.default('text-to-image'), 'Which service this is an upstream of.'),
  INSTANCE: documented(
    variables.text.regex(/^[\x21-\x7e]{1,256}$/, 'expected up to 256 characters of ASCII, no blanks').optional(),
    'Name of this process among those of its variant, another one after each start: the latency of its first requests is not judged.',
    { defaultIs: 'host name' },
  ),
  VARIANT_CONFIG: documented(
    configAsJson.prefault('{"checkpoint":"scenes-1.0","sampler":"dpmpp-2m","steps":24,"precision":"fp16"}'),
    "The variant's configuration as JSON.",
  ),
  GPUS: documented(variables.integer.min(1).default(96), 'Simulated GPUs; jobs beyond wait.'),
  KEEP_PICTURES: documented(
    variables.integer.min(100).default(20_000),
    'Pictures kept on disk; older ones are deleted.',
  ),
  REMEMBER_PICTURES: documented(
    variables.integer.min(0).max(100_000).default(0),
    'Pictures that are answered again, by prompt and seed, without being drawn.',
  ),
  WARM_UP_REQUESTS: documented(
    variables.integer.min(0).max(100_000).default(0),
    'Warm-up pictures, thrown away, before the service reports ready.',
  ),
  PICTURE_FOLDER: documented(variables.text.optional(), 'Folder for the pictures.', {
    defaultIs: 'pictures in DATA_DIR',
  }),
  EVENTS_URL: documented(
    z.url({ protocol: /^https?$/, error: 'expected an address that begins with http:// or https://' }).optional(),
    'The reports service, to which its events are sent by HTTP (`POST /v1/events`).',
    { defaultIs: 'they are published to the bus' },
  ),
  EVENTS_TOKEN: documented(
    variables.text.optional(),
    'Token of somebody with the role `reporter` on the service, for EVENTS_URL.',
    { secret: true, defaultIs: 'none' },
  ),
  EVENTS_SPOOL: documented(
    variables.text.optional(),
    'Folder, of this process alone, for events that can not be sent for long.',
    { defaultIs: 'they are dropped then' },
  ),
  DATA_DIR: commonVariables.DATA_DIR,
} as const;

/** The settings of an inference service from its variables. */
export function inferenceSettings(
  config: z.output<z.ZodObject<typeof inferenceVariables>> & { readonly HOST: string },
): InferenceSettings {
  return {
    service: config.SERVICE,
    instance: config.INSTANCE ?? hostname(),
    config: config.VARIANT_CONFIG,
    pictureFolder: config.PICTURE_FOLDER ?? join(config.DATA_DIR, 'pictures'),
    host: config.HOST,
    port: config.INFERENCE_PORT,
    gpus: config.GPUS,
    keepPictures: config.KEEP_PICTURES,
    rememberPictures: config.REMEMBER_PICTURES,
    warmUpRequests: config.WARM_UP_REQUESTS,
    eventsUrl: config.EVENTS_URL,
    eventsToken: config.EVENTS_TOKEN,
    eventsSpool: config.EVENTS_SPOOL,
  };
}
