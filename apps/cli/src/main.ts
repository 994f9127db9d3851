#!/usr/bin/env node
import { Logger } from '@nestjs/common';
import { createLogger } from '#libs/platform';
import { CommandFailure, exitCodes } from './exit-codes.js';
import { interruption } from './interruption.js';
import { teststripProgram } from './program.js';
import { tell } from './terminal/print.js';

const signal = interruption();
Logger.overrideLogger(createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'text' }, 'teststrip'));

try {
  await teststripProgram(signal).parseAsync();
} catch (error) {
  if (!signal.aborted) tell((error as Error).message);
  process.exitCode = signal.aborted ? exitCodes.interrupted : codeOf(error);
}

function codeOf(error: unknown): number {
  return error instanceof CommandFailure ? error.exitCode : exitCodes.otherwise;
}
