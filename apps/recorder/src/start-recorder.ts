import type { LoggerService } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { connectEventBus, type EventBus } from '#libs/messaging';
import { createPositions } from '#libs/persistence/positions';
import type { Running } from '#libs/platform';
import { RECORDER_GROUP, RecorderModule, type RecorderModuleOptions } from './recorder.module.js';

export interface RecorderOptions extends RecorderModuleOptions {
  /** Stays the caller's. */
  readonly bus: EventBus;
  readonly logger?: LoggerService | false;
}

/** Records every event until `close`, which lets the running batches end and leaves the group. */
export async function startRecorder(options: RecorderOptions): Promise<Running> {
  const { bus, database, group = RECORDER_GROUP, logger = false } = options;
  const app = await NestFactory.create(RecorderModule.register(options), { logger, abortOnError: false });
  connectEventBus(app, { bus, group, positionOf: createPositions(database, group).read });
  await app.startAllMicroservices();
  return { close: () => app.close() };
}
