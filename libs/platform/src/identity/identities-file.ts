import { readFileSync, statSync } from 'node:fs';
import type { LoggerService } from '@nestjs/common';
import { messageAt, readYaml, slug, type YamlDocument } from '#libs/contracts';
import { z } from 'zod';
import { EVERY_SERVICE, role, type Identity } from './roles.js';

const entry = z.strictObject({
  name: z.string('is missing').min(1).max(200, 'expected at most 200 characters'),
  sha256: z
    .string("is missing: the SHA-256 of the token in hex (printf %s 'the token' | sha256sum)")
    .regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hexadecimal digits: printf %s 'the token' | sha256sum"),
  roles: z
    .record(z.string(), role, 'is missing: a role by service, or by "*" for every service')
    .refine((roles) => Object.keys(roles).every(isService), 'expected names of services, or "*"'),
});
const file = z.strictObject({ identities: z.array(entry, 'is missing: a list of identities') });

function isService(name: string): boolean {
  return name === EVERY_SERVICE || slug.safeParse(name).success;
}

/** Who has the token with a hash, by hash. */
type ByHash = ReadonlyMap<string, Identity>;

/** How often the file is looked at, at most. */
const LOOK_EVERY_MS = 1_000;

/**
 * Static tokens in a file: names, hashes of tokens, roles. A changed file counts within a second; one that can't be read is told with its line
 * and leaves the tokens as they were, since an empty or broken file must not lock everybody out in the middle of a rollback.
 */
export class IdentitiesFile {
  private byHash: ByHash;
  private seen: string;
  private lookedAtMs = -Infinity;

  /** @throws Error with file, line and expectation of everything that is wrong */
  constructor(
    private readonly path: string,
    private readonly logger: Pick<LoggerService, 'log' | 'error'>,
    private readonly monotonicMs: () => number = () => performance.now(),
  ) {
    this.seen = versionOf(path);
    this.byHash = readIdentities(path);
  }

  find(hash: string): Identity | undefined {
    this.look();
    return this.byHash.get(hash);
  }

  private look(): void {
    const nowMs = this.monotonicMs();
    if (nowMs - this.lookedAtMs < LOOK_EVERY_MS) return;
    this.lookedAtMs = nowMs;
    const version = versionOf(this.path);
    if (version === this.seen) return;
    this.seen = version;
    try {
      this.byHash = readIdentities(this.path);
      this.logger.log(`${this.path}: ${this.byHash.size} identities are in force`);
    } catch (error) {
      this.logger.error(`the identities stay as they were: ${(error as Error).message}`);
    }
  }
}

/** What is wrong with a file of identities, so that it is told before anything is started; undefined: nothing. */
export function identitiesFault(path: string): string | undefined {
  try {
    readIdentities(path);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** @throws Error with file, line and expectation of everything that is wrong */
function readIdentities(path: string): ByHash {
  const read = readYaml(textOf(path));
  if (!('value' in read)) {
    throw new Error(read.faults.map(({ line, column, message }) => `${path}:${line}:${column}: ${message}`).join('; '));
  }
  const parsed = file.safeParse(read.value);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => problemAt(path, read, issue.path, inWords(issue)));
    throw new Error(problems.join('; '));
  }
  const byHash = new Map<string, Identity>();
  for (const [index, { name, sha256, roles }] of parsed.data.identities.entries()) {
    if (byHash.has(sha256)) {
      const message = `${byHash.get(sha256)!.name} has the same token: expected one of its own for ${name}`;
      throw new Error(problemAt(path, read, ['identities', index, 'sha256'], message));
    }
    byHash.set(sha256, { name, roles });
  }
  return byHash;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'there is no such file' : `it can't be read (${code ?? message})`;
    const expected = 'expected the file of identities that the variable IDENTITIES names';
    throw new Error(`${path}: ${why}; ${expected}`, { cause: error });
  }
}

function inWords(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return issue.message;
  return `there is no field ${issue.keys.join(', ')} here; expected name, sha256 and roles in a list "identities"`;
}

function problemAt(path: string, read: YamlDocument, at: readonly PropertyKey[], message: string): string {
  const { line, column } = read.placeOf(at);
  return `${path}:${line}:${column}: ${messageAt(at, message)}`;
}

/** Changes whenever the file is written or replaced; what is wrong where it can't be looked at. */
function versionOf(path: string): string {
  try {
    const { ino, size, mtimeMs } = statSync(path);
    return `${ino} ${size} ${mtimeMs}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
