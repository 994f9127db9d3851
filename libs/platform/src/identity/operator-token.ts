import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { keepSecret } from '../configuration/secrets.js';
import { newToken } from './bearer-token.js';

/** Where the token of the operator is, in DATA_DIR. */
export const OPERATOR_TOKEN_FILE = 'operator-token';

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
  const token = (await readIfThere(file)) ?? (await create(folder, file));
  if (token.length < 32) throw new Error(`${file} holds no token; delete it, and the next start makes a new one`);
  keepSecret(token);
  return { file, token };
}

async function create(folder: string, file: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const draft = `${file}.${process.pid}.${newToken().slice(-8)}`;
  await writeFile(draft, `${newToken()}\n`, { mode: 0o600, flag: 'wx' });
  try {
    // Unlike a rename, a link leaves the file of whoever was first.
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  return (await readIfThere(file)) ?? '';
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
