import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { ApiClient } from '../server/api-client.js';
import { HOW_DECISION, LOCAL, refuseOtherThanHttp } from '../server/connection.js';
import { contextNamed, readContexts, writeContexts, type SavedContext } from '../server/contexts.js';
import { printLines, tell } from '../terminal/print.js';

interface LoginOptions {
  readonly context?: string;
  readonly server?: string;
  readonly reports?: string;
}

const FIRST_CONTEXT = 'default';

/** `teststrip login`: stores a token, once the server has taken it. */
export function addLoginCommand(program: Command): void {
  program
    .command('login')
    .description(
      'reads a token from standard input, checks it against the server, and stores it for your account alone',
    )
    .option('--context <name>', 'context to store it in (default: the current one)')
    .option('--server <url>', 'the decision service (default: that of the context)')
    .option('--reports <url>', 'the reports service, where it has another address')
    .action(login);
}

async function login(options: LoginOptions): Promise<void> {
  const saved = readContexts();
  const { current, contexts } = saved;
  const name = options.context ?? current ?? FIRST_CONTEXT;
  const before = contextNamed(saved, name) ?? LOCAL;
  const server = options.server ?? before.server;
  refuseOtherThanHttp(server);
  const reports = options.reports ?? (server === before.server ? before.reports : undefined);
  const token = await readToken(server);
  await checkToken(server, token);
  const after: SavedContext = { server, ...(reports === undefined ? {} : { reports }), token };
  const path = writeContexts({ current: current ?? name, contexts: { ...contexts, [name]: after } });
  printLines([`${server} knows you now: context ${name}, kept in ${path}`]);
}

/** @throws CommandFailure where the server does not know it. */
async function checkToken(server: string, token: string): Promise<void> {
  const client = new ApiClient({ what: 'decision service', url: server, token, how: HOW_DECISION });
  await client.get('/v1/experiments');
}

async function readToken(server: string): Promise<string> {
  const read = process.stdin.isTTY ? await readHidden(`Token for ${server}: `) : await text(process.stdin);
  const token = read.trim();
  if (/^[\u0021-\u007e]+$/.test(token)) return token;
  const found = token === '' ? 'nothing' : 'something that is no token';
  throw new CommandFailure(exitCodes.usage, `login: ${found} on standard input; expected the token alone`);
}

const ENTER = new Set(['\r', '\n', '\u0004']);
const CTRL_C = '\u0003';
const BACKSPACE = new Set(['\b', '\u007f']);

/** Reads one line of a terminal that shows nothing of it. */
async function readHidden(prompt: string): Promise<string> {
  process.stderr.write(prompt);
  process.stdin.setRawMode(true);
  try {
    let typed = '';
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      for (const character of chunk.toString('utf8')) {
        if (character === CTRL_C) throw new CommandFailure(exitCodes.interrupted, 'interrupted');
        if (ENTER.has(character)) return typed;
        typed = BACKSPACE.has(character) ? typed.slice(0, -1) : typed + character;
      }
    }
    return typed;
  } finally {
    process.stdin.setRawMode(false);
    tell('');
  }
}
