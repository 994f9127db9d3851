import type { Command } from 'commander';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { LOCAL, refuseOtherThanHttp } from '../server/connection.js';
import { contextNamed, readContexts, writeContexts, type SavedContext } from '../server/contexts.js';
import { alignedColumns } from '../terminal/columns.js';
import { outputOption, printAnswer, printLines, type OutputForm } from '../terminal/print.js';

interface SetOptions {
  readonly server?: string;
  readonly reports?: string;
}

/** `teststrip context …`: the servers that somebody works with, by name. */
export function addContextCommands(program: Command): void {
  const context = program.command('context').description('servers that you work with, by name');
  context
    .command('set')
    .description('names a server; the first one becomes the current one')
    .argument('<name>', 'of the context')
    .option('--server <url>', 'the decision service')
    .option('--reports <url>', 'the reports service, where it has another address')
    .action(setContext);
  context
    .command('use')
    .description('makes a context the current one')
    .argument('<name>', 'of the context')
    .action((name: string) => {
      const saved = readContexts();
      known(saved.contexts, name);
      writeContexts({ ...saved, current: name });
      printLines([`${name} is the current context`]);
    });
  context
    .command('list')
    .description('lists the contexts; tokens are not shown')
    .addOption(outputOption('table for people, json or yaml for programs'))
    .action(({ output }: { readonly output: OutputForm }) => {
      const contexts = listedContexts();
      printAnswer(output, contexts, () => contextTable(contexts));
    });
  context
    .command('delete')
    .description('forgets a context, its token included')
    .argument('<name>', 'of the context')
    .action((name: string) => {
      const { current, contexts } = readContexts();
      known(contexts, name);
      const { [name]: _gone, ...others } = contexts;
      writeContexts({ current: current === name ? null : current, contexts: others });
      printLines([`${name} is forgotten`]);
    });
}

function setContext(name: string, { server, reports }: SetOptions): void {
  const saved = readContexts();
  const { current, contexts } = saved;
  const before = contextNamed(saved, name);
  const base = server ?? before?.server ?? LOCAL.server;
  for (const url of [base, reports ?? base]) refuseOtherThanHttp(url);
  const isSameServer = base === before?.server;
  const after: SavedContext = {
    // The token of one server is nothing for another.
    ...(isSameServer ? before : {}),
    server: base,
    ...(reports === undefined ? {} : { reports }),
  };
  writeContexts({ current: current ?? name, contexts: { ...contexts, [name]: after } });
  printLines([`${name}: ${base}${(current ?? name) === name ? ', the current context' : ''}`]);
}

function known(contexts: Readonly<Record<string, SavedContext>>, name: string): void {
  if (Object.hasOwn(contexts, name)) return;
  const there = Object.keys(contexts).join(', ') || 'none';
  throw new CommandFailure(exitCodes.usage, `There is no context "${name}"; there are: ${there}`);
}

interface ListedContext {
  readonly name: string;
  readonly isCurrent: boolean;
  readonly server: string;
  readonly reports: string;
  readonly isLoggedIn: boolean;
}

/** Without the tokens. */
function listedContexts(): readonly ListedContext[] {
  const { current, contexts } = readContexts();
  return Object.entries(contexts).map(([name, { server, reports, token }]) => ({
    name,
    isCurrent: name === current,
    server,
    reports: reports ?? server,
    isLoggedIn: token !== undefined,
  }));
}

function contextTable(contexts: readonly ListedContext[]): readonly string[] {
  if (contexts.length === 0) return ['There are no contexts; commands ask the servers on this machine.'];
  const rows = contexts.map(({ name, isCurrent, server, reports, isLoggedIn }) => [
    `${isCurrent ? '*' : ' '} ${name}`,
    server,
    reports,
    isLoggedIn ? 'yes' : 'no',
  ]);
  return alignedColumns([['  name', 'server', 'reports', 'logged in'], ...rows]);
}
