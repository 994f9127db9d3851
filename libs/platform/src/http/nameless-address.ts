import type { IncomingMessage } from 'node:http';
import { ProblemException } from './problem.js';

/**
 * Why an address can name nothing; undefined where it may. Nothing has a name with a NUL, which no database could be asked for, or one whose
 * bytes are no UTF-8 (`%ff`): it is as unknown as any other.
 */
export function namelessAddress(request: IncomingMessage): ProblemException | undefined {
  const [path = ''] = (request.url ?? '').split('?', 1);
  if (isText(path)) return undefined;
  request.resume();
  const detail = `${path}: expected names in UTF-8 without NUL (%00)`;
  return new ProblemException({ title: 'Unknown address', status: 404, detail });
}

function isText(path: string): boolean {
  try {
    return !decodeURIComponent(path).includes('\0');
  } catch {
    return false;
  }
}
