import {
  configTooLarge,
  FREE,
  HOLDOUT,
  isHttpUrl,
  namesUser,
  MILLION,
  routeText,
  serviceBaseline,
  slotRange,
  slug,
  timestamp,
  unitKind,
  variantConfig,
  weightsPpm,
} from '#libs/contracts';
import { isDivided, type ServiceSlot, type ServiceState } from '#libs/delivery';
import { z } from 'zod';
import type { OrderFollowUp } from '../routers/order-follow-up.js';
import { orderBody } from './orders.js';

/** A service as the API shows it. */
export const serviceView = z
  .object({
    service: slug,
    epoch: z.int().min(0).describe('Of the newest order about it, whichever experiment it came from.'),
    mode: z
      .enum(['open', 'paused', 'drained', 'deleted'])
      .describe('Whether experiments may run on it, and whether it is served; nothing begins unless it is open.'),
    baseline: serviceBaseline.nullable().describe('What it serves when nothing runs; null before the first start.'),
    heldBy: z
      .object({ experiment: slug, revision: z.int().min(1) })
      .nullable()
      .describe('The experiment that all its traffic follows; null where it is divided into slots.'),
    unit: unitKind.describe('Who is drawn into slots.'),
    holdoutPpm: z.int().min(0).describe('Share of its units that no experiment ever gets, of a million.'),
    slots: z
      .array(
        slotRange.extend({
          experiment: slug.nullable().describe('Who has it; null where it is free.'),
          revision: z.int().min(1).nullable(),
          weightsPpm: weightsPpm.nullable().describe('What it is served by; null: by the baseline.'),
          waits: z
            .boolean()
            .describe(
              'Its experiment has ended, and goes on here: promote it once more when no other one runs, or roll it back.',
            ),
        }),
      )
      .describe(
        'Parts of its units, each of at most one experiment; one named all spans it where nobody has divided it.',
      ),
    free: z
      .array(z.object({ fromPpm: z.int(), toPpm: z.int() }))
      .describe('Ranges of units in no slot and not in the holdout.'),
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
      .refine((url) => !isHttpUrl(url) || !namesUser(url), 'expected no user or password in it')
      .optional()
      .describe('Where it is served; left out together with `config`, both stay and only the route changes.'),
    config: variantConfig
      .superRefine((config, context) => {
        const problem = configTooLarge(config);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem });
      })
      .optional()
      .describe('The configuration that is served there; its hash is the fingerprint.'),
    route: routeText
      .nullish()
      .describe(
        'Where clients ask for the service: a path, or host and path; null takes its route away, without it the route stays.',
      ),
  })
  .superRefine(({ upstream, config, route }, context) => {
    const isRouteAlone = upstream === undefined && config === undefined && route !== undefined;
    for (const [name, value] of Object.entries({ upstream, config })) {
      if (value === undefined && !isRouteAlone)
        context.addIssue({ code: 'custom', path: [name], message: 'is missing' });
    }
  })
  .meta({ id: 'BaselineOrder' });

/** How a service is divided: what is not named any more is gone, and all that is in no slot gets the baseline. */
export const slotsBody = orderBody
  .extend({
    unit: unitKind
      .default('user')
      .describe('Who is drawn into slots; every experiment of the service randomises the same.'),
    holdoutPpm: z.int().min(0).max(MILLION).default(0).describe('Share of the units that no experiment ever gets.'),
    slots: z
      .array(
        slotRange.extend({
          id: slug.refine((id) => id !== HOLDOUT && id !== FREE, `expected another name than ${HOLDOUT} or ${FREE}`),
        }),
      )
      .min(1)
      .max(100)
      .describe(
        'Disjoint ranges of a million buckets; [{ id: all, fromPpm: 0, toPpm: 1000000 }] makes it whole again.',
      ),
  })
  .meta({ id: 'SlotsOrder' });

export const retryBody = orderBody
  .extend({
    fingerprint: z
      .string()
      .min(1)
      .meta({
        description: 'Of a configuration that was rolled back; the service lists them.',
        examples: ['4f1c09aa27de35b8'],
      }),
  })
  .meta({ id: 'RetryOrder' });

export function viewOfService(state: ServiceState, orders: Pick<OrderFollowUp, 'brokenOn'>): ServiceView {
  const { service, epoch, baseline, unit, holdoutPpm, slots, latched } = state;
  const heldBy = isDivided(state) ? undefined : slots[0]?.heldBy;
  return {
    service,
    epoch,
    mode: state.mode ?? 'open',
    baseline,
    heldBy: heldBy ? { experiment: heldBy.experiment, revision: heldBy.revision } : null,
    unit,
    holdoutPpm,
    slots: slots.map((slot) => viewOfSlot(slot)),
    free: freeRanges(state),
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

function viewOfSlot({ id, fromPpm, toPpm, heldBy, order }: ServiceSlot): ServiceView['slots'][number] {
  return {
    id,
    fromPpm,
    toPpm,
    experiment: heldBy?.experiment ?? null,
    revision: heldBy?.revision ?? null,
    weightsPpm: order?.weightsPpm ?? null,
    waits: heldBy !== null && order?.terminal === true,
  };
}

function freeRanges({ slots, holdoutPpm }: ServiceState): ServiceView['free'] {
  const starts = [0, ...slots.map(({ toPpm }) => toPpm)];
  const ends = [...slots.map(({ fromPpm }) => fromPpm), MILLION - holdoutPpm];
  return starts.map((fromPpm, index) => ({ fromPpm, toPpm: ends[index] as number })).filter(isNotEmpty);
}

function isNotEmpty({ fromPpm, toPpm }: { readonly fromPpm: number; readonly toPpm: number }): boolean {
  return toPpm > fromPpm;
}
