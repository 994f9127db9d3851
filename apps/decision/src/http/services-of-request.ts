import type { Request } from 'express';
import { slug, type KnownMetric } from '#libs/contracts';
import { EVERY_SERVICE } from '#libs/platform';
import type { KnownState } from '../deciding/decision-log.js';
import { serviceNamedBy, type Decisions } from '../deciding/decisions.js';
import { readExperimentFile } from './read-experiment-file.js';

/**
 * The services that a request is about, for who may do it: the one it names, that of the experiment it names, and for a file both the one it
 * is for and the one that the experiment is on already.
 * @throws ProblemException where it sends a file that is wrong
 */
export async function servicesOfRequest(
  request: Request,
  decisions: Pick<Decisions, 'find'>,
  knownMetrics: readonly KnownMetric[],
): Promise<readonly string[]> {
  const { service, key } = request.params as { readonly service?: string; readonly key?: string };
  if (service !== undefined) return [service];
  if (key !== undefined) return serviceOf(key, decisions);
  if (request.method !== 'POST') return [];
  const { spec } = readExperimentFile(request, knownMetrics);
  return [spec.service, ...(await serviceOf(spec.key, decisions))];
}

/** The service of an experiment. Where its log does not say it only a role on every service will do; undefined for one that nobody has defined. */
export function serviceOfState(state: KnownState): string | undefined {
  return state.phase === 'absent' ? undefined : (serviceNamedBy(state) ?? EVERY_SERVICE);
}

async function serviceOf(key: string, decisions: Pick<Decisions, 'find'>): Promise<readonly string[]> {
  if (!slug.safeParse(key).success) return [];
  const service = serviceOfState(await decisions.find(key));
  return service === undefined ? [] : [service];
}
