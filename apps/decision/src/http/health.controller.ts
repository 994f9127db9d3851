import { Controller, Get, Inject } from '@nestjs/common';
import type { EventBus } from '#libs/messaging';
import type { Queryable } from '#libs/persistence';
import { ProblemException } from '#libs/platform';
import { READINESS } from '../tokens.js';

export interface ReadinessProbes {
  readonly database: Queryable;
  readonly bus: Pick<EventBus, 'ping'>;
}

@Controller('health')
export class HealthController {
  constructor(@Inject(READINESS) private readonly probes: ReadinessProbes) {}

  /** The process answers. */
  @Get('live')
  live(): { readonly status: 'ok' } {
    return { status: 'ok' };
  }

  /** Decisions can be taken and published: database and bus answer. */
  @Get(['', 'ready'])
  async ready(): Promise<{ readonly status: 'ok' }> {
    const [database, bus] = await Promise.allSettled([this.probes.database.query('select 1'), this.probes.bus.ping()]);
    const failures = [
      ...(database.status === 'rejected' ? [`the database does not answer: ${messageOf(database.reason)}`] : []),
      ...(bus.status === 'rejected' ? [`the bus does not answer: ${messageOf(bus.reason)}`] : []),
    ];
    if (failures.length === 0) return { status: 'ok' };
    throw new ProblemException({ title: 'Not ready', status: 503, detail: failures.join('; ') });
  }
}

function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
