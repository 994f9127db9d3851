import { Controller, Get, Inject } from '@nestjs/common';
import type { Queryable } from '#libs/persistence';
import { ProblemException } from '#libs/platform';
import { DATABASE } from './tokens.js';

@Controller('health')
export class HealthController {
  constructor(@Inject(DATABASE) private readonly database: Queryable) {}

  /** Answers 200 while the database does. */
  @Get()
  async health(): Promise<{ readonly status: 'ok' }> {
    try {
      await this.database.query('select 1');
      return { status: 'ok' };
    } catch (error) {
      const detail = `The database does not answer: ${(error as Error).message}`;
      throw new ProblemException({ title: 'Not ready', status: 503, detail });
    }
  }
}
