import { Command } from 'commander';
import { exitCodes } from './exit-codes.js';
import { addApplyCommand, addDiffCommand } from './experiments/apply-command.js';
import { addEventsCommand } from './experiments/events-command.js';
import { addGetCommand } from './experiments/get-command.js';
import { addOrderCommands } from './experiments/order-commands.js';
import { addReplayCommand } from './experiments/replay-command.js';
import { addReportCommand } from './experiments/report-command.js';
import { addStatusCommand } from './experiments/status-command.js';
import { addValidateCommand } from './experiments/validate-command.js';
import { addWaitCommand } from './experiments/wait-command.js';
import { addDeadLettersCommand } from './dead-letters/dead-letters-command.js';
import { addOverrideTokenCommand } from './overrides/override-token-command.js';
import { addModelsCommand } from './models/models-command.js';
import { addPlanCommand } from './planning/plan-command.js';
import { addPositionsCommand } from './positions/positions-command.js';
import { addDemoCommand } from './scenarios/demo-command.js';
import { addScenariosCommand } from './scenarios/scenarios-command.js';
import { addCompletionCommand } from './setup/completion-command.js';
import { addContextCommands } from './setup/context-commands.js';
import { addLoginCommand } from './setup/login-command.js';
import { addSchemaCommand } from './setup/schema-command.js';
import { addEraseCommand } from './units/erase-command.js';
import { addFreezeCommands, addRetryCommand, addServiceCommands } from './services/service-commands.js';

/** Every command. @param signal aborted when whoever started it wants it to end */
export function teststripProgram(signal: AbortSignal): Command {
  const program = new Command('teststrip')
    .description('Ships changes to image-generation models safely.')
    .showHelpAfterError('(add --help for the options and examples)')
    .showSuggestionAfterError()
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? exitCodes.done : exitCodes.usage))
    .addHelpText('after', EXAMPLES);
  addValidateCommand(program);
  addApplyCommand(program, signal);
  addDiffCommand(program);
  addGetCommand(program);
  addStatusCommand(program, signal);
  addWaitCommand(program, signal);
  addOrderCommands(program);
  addRetryCommand(program);
  addFreezeCommands(program);
  addServiceCommands(program);
  addOverrideTokenCommand(program);
  addEventsCommand(program);
  addReportCommand(program);
  addReplayCommand(program);
  addPositionsCommand(program);
  addDeadLettersCommand(program);
  addEraseCommand(program);
  addModelsCommand(program, signal);
  addContextCommands(program);
  addLoginCommand(program);
  addCompletionCommand(program);
  addSchemaCommand(program);
  addPlanCommand(program, signal);
  addDemoCommand(program, signal);
  addScenariosCommand(program, signal);
  return program;
}

const EXAMPLES = `
Examples:
  teststrip validate -f experiment.yaml
  teststrip apply -f experiment.yaml --wait    0 when it is promoted
  teststrip status my-first-canary --watch
  teststrip rollback my-first-canary
  teststrip replay my-first-canary             decides everything again, from the log
  teststrip plan -f experiment.yaml --per-hour 60000
  teststrip demo                               all stories live, with a page to look at
teststrip help <command> lists the options of a command.`;
