import { readFileSync } from 'node:fs';
import { appendFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readIfThere } from '../configuration/made-once.js';
import { installationSecret } from './installation-secret.js';

/** Where the token of the operator is, in DATA_DIR. */
const OPERATOR_TOKEN_FILE = 'operator-token';

/** Beside it: the ports that servers of this installation have had, one a line. */
const PORTS = '.ports';
/** Servers on any free port leave one at each start; the last of them are those that run. */
const MOST_PORTS = 100;

export interface OperatorToken {
  readonly file: string;
  readonly token: string;
}

/**
 * The token of an installation that has no identities: made at the first start, in a file that its owner alone can read. Processes that start
 * at the same time with one folder agree on one token.
 * @throws Error where the folder can't be written, or the file holds no token
 */
export async function operatorTokenIn(folder: string): Promise<OperatorToken> {
  // Told to people who may stand in another folder.
  const file = resolve(folder, OPERATOR_TOKEN_FILE);
  return { file, token: await installationSecret(file, 'token') };
}

/** Remembers that a server of the installation listens there, so that the token goes to it and to no other port of the machine. */
export async function noteServer(tokenFile: string, url: string): Promise<void> {
  const { port } = new URL(url);
  const known = linesOf((await readIfThere(tokenFile + PORTS)) ?? '');
  if (known.includes(port)) return;
  if (known.length < MOST_PORTS) return appendFile(tokenFile + PORTS, `${port}\n`, { mode: 0o600 });
  const newest = [...known.slice(-MOST_PORTS / 2), port];
  await writeFile(tokenFile + PORTS, `${newest.join('\n')}\n`, { mode: 0o600 });
}

/**
 * The token of an installation for a program on its machine.
 * @param port of the server that it is for
 * @param usual ports that servers have where nobody chose others
 * @returns undefined where there is none, or where no server of the installation has that port
 */
export function operatorTokenForPort(folder: string, port: string, usual: readonly string[]): string | undefined {
  const file = join(folder, OPERATOR_TOKEN_FILE);
  if (!usual.includes(port) && !linesOf(textOf(file + PORTS)).includes(port)) return undefined;
  return textOf(file).trim() || undefined;
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}

/** Empty where there is none. */
function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
