import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { documented, readConfig, variables } from '#libs/platform';
import { CommandFailure, exitCodes } from '../exit-codes.js';

const savedContext = z.object({
  server: z.url(),
  reports: z.url().optional(),
  token: z.string().min(1).optional(),
});
/** A server that somebody works with, and the token for it. */
export type SavedContext = z.infer<typeof savedContext>;

const contextsFile = z.object({
  current: z.string().nullable().default(null),
  contexts: z.record(z.string(), savedContext).default({}),
});
export type SavedContexts = z.infer<typeof contextsFile>;

/** Readable by its owner alone: it holds tokens. */
const OWNER_ONLY = 0o600;
const FOLDER_OF_OWNER = 0o700;

/** @throws CommandFailure where the file is there and can't be read. */
export function readContexts(): SavedContexts {
  const path = contextsPath();
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { current: null, contexts: {} };
    throw new CommandFailure(exitCodes.usage, `${path}: can't be read (${(error as Error).message})`);
  }
  try {
    return contextsFile.parse(JSON.parse(text));
  } catch {
    const way = 'mend it, or remove it and set the contexts anew with "teststrip context set"';
    throw new CommandFailure(exitCodes.usage, `${path}: these are no contexts; ${way}`);
  }
}

export function contextNamed({ contexts }: Pick<SavedContexts, 'contexts'>, name: string): SavedContext | undefined {
  return Object.hasOwn(contexts, name) ? contexts[name] : undefined;
}

/** Replaces the file as a whole: whoever reads it meanwhile gets the one of before. */
export function writeContexts(saved: SavedContexts): string {
  const path = contextsPath();
  mkdirSync(dirname(path), { recursive: true, mode: FOLDER_OF_OWNER });
  const written = `${path}.${randomUUID()}`;
  writeFileSync(written, `${JSON.stringify(saved, null, 2)}\n`, { mode: OWNER_ONLY });
  chmodSync(written, OWNER_ONLY);
  renameSync(written, path);
  return path;
}

function contextsPath(): string {
  const { XDG_CONFIG_HOME } = readConfig({
    XDG_CONFIG_HOME: documented(variables.text.optional(), 'Folder of settings; the contexts are in it.'),
  });
  return join(XDG_CONFIG_HOME ?? join(homedir(), '.config'), 'teststrip', 'contexts.json');
}
