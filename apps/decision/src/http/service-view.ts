import { isHttpUrl, routeText, serviceBaseline, slug, timestamp, variantConfig } from '#libs/contracts';
import type { ServiceState } from '#libs/delivery';
import { z } from 'zod';
import type { OrderFollowUp } from '../routers/order-follow-up.js';
import { orderBody } from './orders.js';

/** A service as the API shows it. */
export const serviceView = z
  .object({
    service: slug,
    epoch: z.int().min(0).describe('Of the newest order about it, whichever experiment it came from.'),
    baseline: serviceBaseline.nullable().describe('What it serves when nothing runs; null before the first start.'),
    heldBy: z
      .object({ experiment: slug, revision: z.int().min(1) })
      .nullable()
      .describe('The experiment that its traffic follows.'),
    brokenGlass: z.array(z.string()).describe('Routers at which somebody has sent it to its baseline by hand.'),
    latched: z
      .array(
        z.object({
          fingerprint: z.string(),
          experiment: slug,
          revision: z.int().min(1),
          at: timestamp,
          message: z.string(),
        }),
      )
      .describe('Configurations that were rolled back from it; each comes back by a retry alone.'),
  })
  .meta({ id: 'Service' });
export type ServiceView = z.infer<typeof serviceView>;

/** How a service is served now, where no experiment has made it so. */
export const baselineBody = orderBody
  .extend({
    upstream: z
      .string('is missing')
      .refine(isHttpUrl, 'expected a URL with http:// or https:// and a host, such as "http://127.0.0.1:8000"')
      .refine(
        (url) => !isHttpUrl(url) || (new URL(url).username === '' && new URL(url).password === ''),
        'expected no user or password in it',
      ),
    config: variantConfig.describe('The configuration that is served there; its hash is the fingerprint.'),
    route: routeText
      .nullish()
      .describe(
        'Where clients ask for the service: a path, or host and path; null takes its route away, without it the route stays.',
      ),
  })
  .meta({ id: 'BaselineOrder' });

export const retryBody = orderBody
  .extend({
    fingerprint: z.string().min(1).describe('Of a configuration that was rolled back; the service lists them.'),
  })
  .meta({ id: 'RetryOrder' });

export function viewOfService(
  { service, epoch, baseline, heldBy, latched }: ServiceState,
  orders: Pick<OrderFollowUp, 'brokenOn'>,
): ServiceView {
  return {
    service,
    epoch,
    baseline,
    heldBy,
    brokenGlass: [...orders.brokenOn(service)],
    latched: Object.entries(latched).map(([fingerprint, { experiment, revision, atMs, message }]) => ({
      fingerprint,
      experiment,
      revision,
      at: new Date(atMs).toISOString(),
      message,
    })),
  };
}
