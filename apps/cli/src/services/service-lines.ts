import { percent } from '#libs/delivery';
import type { ServiceAnswer } from '../server/answers.js';
import { alignedColumns } from '../terminal/columns.js';

export function servicePath(name: string): string {
  return `/v1/services/${encodeURIComponent(name)}`;
}

export function serviceTable(services: readonly ServiceAnswer[]): readonly string[] {
  if (services.length === 0) return ['There are no services; the first experiment on one makes it known.'];
  const rows = services.map((service) => [
    service.service,
    service.mode,
    String(service.epoch),
    service.baseline?.upstream ?? '–',
    experimentsOn(service),
    String(service.latched.length),
  ]);
  return alignedColumns([['service', 'mode', 'epoch', 'baseline', 'experiments', 'latched'], ...rows]);
}

/** One service, with its slots and what was rolled back from it. */
export function serviceLines(service: ServiceAnswer): readonly string[] {
  const { slots, latched } = service;
  const divided = slots.map(({ id, fromPpm, toPpm, experiment }) => [
    id,
    `${percent(fromPpm)} to ${percent(toPpm)}`,
    experiment ?? 'free',
  ]);
  const refused = latched.map(({ fingerprint, experiment, message }) => [fingerprint, experiment, message]);
  return [
    ...serviceTable([service]),
    ...(divided.length === 0 ? [] : ['', ...alignedColumns([['slot', 'units', 'experiment'], ...divided])]),
    ...(refused.length === 0
      ? []
      : ['', ...alignedColumns([['rolled back', 'by', 'why'], ...refused]), '"teststrip retry" lets one come back.']),
  ];
}

function experimentsOn({ heldBy, slots }: ServiceAnswer): string {
  const names = [heldBy?.experiment, ...slots.map(({ experiment }) => experiment)].filter((name) => name != null);
  return [...new Set(names)].join(', ') || '–';
}
