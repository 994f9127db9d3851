#!/usr/bin/env node
import { Logger } from '@nestjs/common';
import { createLogger } from '#libs/platform';
import { interruption } from './interruption.js';
import { runCommand } from './run-command.js';

Logger.overrideLogger(createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'text' }, 'teststrip'));
process.exitCode = await runCommand(process.argv.slice(2), interruption());
