import { inspect } from 'node:util';
import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { cleanForLog, withoutSecrets } from '../configuration/secrets.js';
import { safeLines } from './safe-text.js';

export interface LoggerSettings {
  readonly LOG_LEVEL: 'debug' | 'log' | 'warn' | 'error';
  readonly LOG_FORMAT: 'auto' | 'json' | 'text';
}

/** Who speaks for the framework: what it says about its own wiring is for whoever debugs it. */
const FRAMEWORK = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Whether lines are for people. */
export function isForPeople({ LOG_FORMAT }: Pick<LoggerSettings, 'LOG_FORMAT'>): boolean {
  return LOG_FORMAT === 'text' || (LOG_FORMAT === 'auto' && Boolean(process.stdout.isTTY));
}

/** One logger for services: JSON lines for machines, text for people; `error` is for what somebody has to act on. No secret passes it. */
export function createLogger(settings: LoggerSettings, context: string): ConsoleLogger {
  return new CleanLogger(settings, context);
}

class CleanLogger extends ConsoleLogger {
  constructor(settings: LoggerSettings, context: string) {
    const order: LogLevel[] = ['error', 'warn', 'log', 'debug'];
    const forPeople = isForPeople(settings);
    super(context, {
      prefix: 'teststrip',
      json: !forPeople,
      colors: forPeople && Boolean(process.stdout.isTTY),
      logLevels: order.slice(0, order.indexOf(settings.LOG_LEVEL) + 1),
    });
  }

  override log(message: unknown, ...more: unknown[]): void {
    if (FRAMEWORK.has(String(more.at(-1)))) return this.debug(message, ...more);
    super.log(message, ...more);
  }

  override error(message: unknown, ...more: unknown[]): void {
    // What fails while an app is put together is thrown as well, and whoever starts the app says so once.
    if (more.at(-1) === 'ExceptionHandler' || more.at(-1) === 'NestApplication') return this.debug(message, ...more);
    super.error(message, ...more);
  }

  protected override printMessages(
    ...[messages, context, level, stream, stack, params]: Parameters<ConsoleLogger['printMessages']>
  ): void {
    const clean = messages.map((message) => cleanForLog(message));
    const cleanParams = params === undefined ? undefined : (cleanForLog(params) as typeof params);
    super.printMessages(clean, context, level, stream, cleanForLog(stack), cleanParams);
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(stack && oneEntry(withoutSecrets(stack)));
  }

  protected override stringifyMessage(message: unknown, logLevel: LogLevel): string {
    const text =
      typeof message === 'string'
        ? message
        : inspect(message, { ...this.inspectOptions, colors: false, breakLength: 120 });
    return super.stringifyMessage(oneEntry(text), logLevel);
  }
}

/** What people say, clients send and files hold stands in messages: it moves no cursor, and no line of it is taken for one of ours. */
function oneEntry(text: string): string {
  return safeLines(text).replaceAll('\n', '\n  ');
}
