import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** One logger for services: JSON lines for machines, text for people; `error` is for what somebody has to act on. */
export function createLogger(options: {
  readonly level: 'debug' | 'log' | 'warn' | 'error';
  readonly format: 'json' | 'text';
  readonly context?: string;
}): ConsoleLogger {
  const order: LogLevel[] = ['error', 'warn', 'log', 'debug'];
  const logLevels = order.slice(0, order.indexOf(options.level) + 1);
  return new ConsoleLogger(options.context ?? 'teststrip', {
    json: options.format === 'json',
    colors: options.format === 'text' && Boolean(process.stdout.isTTY),
    logLevels,
  });
}
