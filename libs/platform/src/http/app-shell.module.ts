import { Controller, Get, Header, Inject, Module, type DynamicModule } from '@nestjs/common';
import type { Registry } from 'prom-client';
import type { Health, HealthFinding, HealthReport } from '../health/health.js';
import { openApiOf, type ApiDescription } from './open-api.js';
import { openApiPage, openApiPagePolicy } from './open-api-page.js';
import { ProblemException } from './problem.js';

/** What the routes that every app has are made of. */
export interface AppShell {
  readonly health: Health;
  readonly metrics: Registry;
  readonly api: ApiDescription;
}

const APP_SHELL = Symbol('APP_SHELL');

interface Healthy {
  readonly status: 'ok';
  readonly checks: Readonly<Record<string, HealthFinding>>;
}

@Controller('health')
class HealthController {
  constructor(@Inject(APP_SHELL) private readonly shell: AppShell) {}

  @Get('live')
  async live(): Promise<Healthy> {
    return orProblem('Dead', await this.shell.health.live());
  }

  @Get(['', 'ready'])
  async ready(): Promise<Healthy> {
    return orProblem('Not ready', await this.shell.health.ready());
  }
}

@Controller()
class SelfDescriptionController {
  private readonly document: Readonly<Record<string, unknown>>;

  constructor(@Inject(APP_SHELL) private readonly shell: AppShell) {
    this.document = openApiOf(shell.api);
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.shell.metrics.metrics();
  }

  @Get('openapi')
  @Header('content-type', 'text/html; charset=utf-8')
  @Header('content-security-policy', openApiPagePolicy())
  @Header('x-content-type-options', 'nosniff')
  openApiForPeople(): string {
    return openApiPage(this.shell.api);
  }

  @Get('openapi.json')
  openApi(): Readonly<Record<string, unknown>> {
    return this.document;
  }
}

/** An app's module together with the routes that every app has. */
@Module({})
export class AppShellModule {
  static around(appModule: DynamicModule, shell: AppShell): DynamicModule {
    return {
      module: AppShellModule,
      imports: [appModule],
      controllers: [HealthController, SelfDescriptionController],
      providers: [{ provide: APP_SHELL, useValue: shell }],
    };
  }
}

function orProblem(title: string, { ok, checks, reasons }: HealthReport): Healthy {
  if (ok) return { status: 'ok', checks };
  throw new ProblemException({ title, status: 503, detail: reasons.join('; '), problems: reasons, checks });
}
