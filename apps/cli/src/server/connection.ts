import { userInfo } from 'node:os';
import { Option, type Command } from 'commander';
import { commonVariables, documented, isLoopback, operatorTokenForPort, readConfig, variables } from '#libs/platform';
import { CommandFailure, exitCodes } from '../exit-codes.js';
import { tell } from '../terminal/print.js';
import { ApiClient, RefusedByServer, type Addressed } from './api-client.js';
import { contextNamed, readContexts, type SavedContext } from './contexts.js';

/** Where `npm start` serves. */
export const LOCAL: SavedContext = { server: 'http://127.0.0.1:8081', reports: 'http://127.0.0.1:8082' };

/** Options of every command that asks a server. */
export interface ServerOptions {
  readonly server?: string;
  readonly reports?: string;
  readonly context?: string;
  readonly token?: string;
  readonly actor?: string;
}

/** The servers that a command asks, and in whose name. */
export interface Connection {
  readonly decision: ApiClient;
  readonly reports: ApiClient;
  /** Who orders, where no token says it; undefined where one does, and nobody may sign for another. */
  readonly actor: string | undefined;
}

export function withServerOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--server <url>', 'decision service (default: TESTSTRIP_SERVER, the current context, this machine)'),
    )
    .addOption(
      new Option('--reports <url>', 'reports service, where it has another address (default: TESTSTRIP_REPORTS, …)'),
    )
    .addOption(new Option('--context <name>', 'context to use instead of the current one'))
    .addOption(new Option('--token <token>', 'who you are (better: TESTSTRIP_TOKEN, or "teststrip login")'))
    .addOption(
      new Option(
        '--actor <name>',
        'name in the audit log where a server knows nobody (AUTH=off; default: your account)',
      ),
    );
}

/** @throws CommandFailure for a context that is not there, or an address that is none. */
export function connect(options: ServerOptions): Connection {
  const { server, reports, saved, isSaved } = addressesOf(options);
  for (const url of [server, reports]) refuseOtherThanHttp(url);
  const said = options.token ?? environmentToken();
  const tokenFor = (url: string): string | undefined =>
    said ?? (saved?.for.includes(url) ? saved.token : undefined) ?? operatorTokenFor(url);
  const given = tokenFor(server);
  const forReports = tokenFor(reports);
  warnOfOpenLines(given, server, isSaved);
  if (reports !== server) warnOfOpenLines(forReports, reports, false);
  return {
    decision: new ApiClient({ what: 'decision service', url: server, token: given, how: HOW_DECISION }),
    reports: new ApiClient({ what: 'reports service', url: reports, token: forReports, how: HOW_REPORTS }),
    actor: options.actor ?? (given === undefined ? accountName() : undefined),
  };
}

/** Where the recorder of `npm start` is. */
export const LOCAL_RECORDER = 'http://127.0.0.1:8085';
/** Where operators ask the router of `npm start`. */
export const LOCAL_ROUTER = 'http://127.0.0.1:8086';

/**
 * Another server than those of contexts, in whose files its address is not: no saved token goes there.
 * @throws CommandFailure for an address that is none
 */
export function connectApart(
  server: Omit<Addressed, 'token'>,
  options: Pick<ServerOptions, 'token' | 'actor'>,
): Pick<Connection, 'actor'> & { readonly client: ApiClient } {
  const { url } = server;
  refuseOtherThanHttp(url);
  const token = options.token ?? environmentToken() ?? operatorTokenFor(url);
  warnOfOpenLines(token, url, false);
  return {
    client: new ApiClient({ ...server, token, logIn: HOW_TO_LOG_IN_APART }),
    actor: options.actor ?? (token === undefined ? accountName() : undefined),
  };
}

/**
 * Gives an order. A token that is left from before `AUTH=off` names nobody: a server that asks for a name then gets that of the account.
 * @param give with the name of who orders, where one is to be said
 */
export async function giveInName(
  { actor }: Pick<Connection, 'actor'>,
  give: (actor: string | undefined) => Promise<unknown>,
): Promise<unknown> {
  try {
    return await give(actor);
  } catch (error) {
    if (actor !== undefined || !isNameMissing(error)) throw error;
    return give(accountName());
  }
}

function isNameMissing(error: unknown): boolean {
  if (!(error instanceof RefusedByServer) || error.problem.status !== 422) return false;
  return error.problem.problems?.some((problem) => (problem as { path?: unknown }).path === 'actor') ?? false;
}

export const HOW_DECISION =
  '"npm start" starts one on this machine; --server and "teststrip context set" say where another is.';
const HOW_TO_LOG_IN_APART =
  'A token that "teststrip login" has stored goes to the server that it was stored for alone: TESTSTRIP_TOKEN or --token gives one for this command.';
const HOW_REPORTS = '--reports and "teststrip context set" say where it is.';

interface Addresses {
  readonly server: string;
  readonly reports: string;
  /** A saved token, and the addresses that it was saved for. */
  readonly saved: { readonly token: string; readonly for: readonly string[] } | undefined;
  readonly isSaved: boolean;
}

/** A saved token goes to the server that it was saved for, and to no other. */
function addressesOf(options: ServerOptions): Addresses {
  const context = contextOf(options.context);
  const { server, reports = server, token } = context ?? LOCAL;
  const saved = token === undefined ? undefined : { token, for: [server, reports] };
  const environment = options.context === undefined ? environmentAddresses() : {};
  const givenServer = options.server ?? environment.TESTSTRIP_SERVER;
  const givenReports = options.reports ?? environment.TESTSTRIP_REPORTS;
  if (givenServer === undefined || givenServer === server)
    return { server, reports: givenReports ?? reports, saved, isSaved: context !== undefined };
  return { server: givenServer, reports: givenReports ?? givenServer, saved, isSaved: false };
}

function contextOf(name: string | undefined): SavedContext | undefined {
  const saved = readContexts();
  const wanted = name ?? saved.current;
  if (wanted === null) return undefined;
  const found = contextNamed(saved, wanted);
  if (found) return found;
  const known = Object.keys(saved.contexts);
  const there = known.length === 0 ? 'there are none yet' : `there are ${known.join(', ')}`;
  throw new CommandFailure(
    exitCodes.usage,
    `There is no context "${wanted}": ${there}. "teststrip context set" makes one.`,
  );
}

/** @throws CommandFailure */
export function refuseOtherThanHttp(url: string): void {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return;
  const expected = 'expected a URL with http:// or https:// and a host, such as https://teststrip.example.com';
  throw new CommandFailure(exitCodes.usage, `"${url}": ${expected}`);
}

/** For pipelines, which have no home to keep contexts in. */
function environmentAddresses() {
  return readConfig({
    TESTSTRIP_SERVER: documented(variables.url.optional(), 'Address of the decision service.'),
    TESTSTRIP_REPORTS: documented(variables.url.optional(), 'Address of the reports service.'),
  });
}

function environmentToken(): string | undefined {
  const { TESTSTRIP_TOKEN } = readConfig({
    TESTSTRIP_TOKEN: documented(variables.text.optional(), 'Who asks the servers.', { secret: true }),
  });
  return TESTSTRIP_TOKEN;
}

/** On the machine that the embedded default runs on, its operator needs no login. Whatever else listens on that machine may be another account's. */
function operatorTokenFor(server: string): string | undefined {
  if (!isOnThisMachine(server)) return undefined;
  const { DATA_DIR } = readConfig({ DATA_DIR: commonVariables.DATA_DIR });
  const usual = [LOCAL.server, LOCAL.reports, LOCAL_RECORDER, LOCAL_ROUTER].flatMap((url) =>
    url === undefined ? [] : new URL(url).port,
  );
  return operatorTokenForPort(DATA_DIR, new URL(server).port, usual);
}

function isOnThisMachine(url: string): boolean {
  // A URL has an IPv6 address in brackets.
  return isLoopback(new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
}

function warnOfOpenLines(token: string | undefined, server: string, isSaved: boolean): void {
  if (token === undefined || isSaved || isOnThisMachine(server) || new URL(server).protocol === 'https:') return;
  tell(`warning: the token is sent to ${server} unencrypted`);
}

function accountName(): string {
  try {
    return userInfo().username || 'cli';
  } catch {
    // An account without a name, as in some containers.
    return 'cli';
  }
}
