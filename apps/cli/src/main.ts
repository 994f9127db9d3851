#!/usr/bin/env node
import { Command } from 'commander';
import { Logger } from '@nestjs/common';
import { createLogger } from '#libs/platform';
import { interruption } from './interruption.js';
import { addPlanCommand } from './planning/plan-command.js';
import { addDemoCommand } from './scenarios/demo-command.js';
import { addScenariosCommand } from './scenarios/scenarios-command.js';

/** Of sysexits.h and of shells: wrong usage is 2 here, an interrupted command 130. */
const FAILED = 1;
const INTERRUPTED = 130;

const signal = interruption();
Logger.overrideLogger(createLogger({ LOG_LEVEL: 'warn', LOG_FORMAT: 'text' }, 'teststrip'));

const program = new Command('teststrip')
  .description('Ships changes to image-generation models safely.')
  .showHelpAfterError('(add --help for the options and examples)')
  .showSuggestionAfterError()
  .addHelpText(
    'after',
    `
Examples:
  teststrip demo                               all stories live, with a page to look at
  teststrip demo --scenario wrong-attribute    one story, slow enough to watch
  teststrip scenarios --seeds 1-3              all stories as a table
  teststrip plan -f experiment.yaml --per-hour 60000

teststrip help <command> lists the options of a command.`,
  );
addDemoCommand(program, signal);
addScenariosCommand(program, signal);
addPlanCommand(program, signal);

try {
  await program.parseAsync();
} catch (error) {
  if (!signal.aborted) process.stderr.write(`${(error as Error).message}\n`);
  process.exitCode = signal.aborted ? INTERRUPTED : FAILED;
}
