import { safeLine } from '#libs/platform';
import { megabytes } from '../model-lines.js';
import type { PullProgress } from './pull-model.js';

const WIDTH = 24;
const REDRAWN_EVERY_MS = 100;

/** A bar for each file on a terminal; a line for each that is there elsewhere. */
export function progressBar(stream: NodeJS.WriteStream): PullProgress {
  if (!stream.isTTY) {
    return { came: () => undefined, done: (file, bytes) => void stream.write(line(file, bytes)) };
  }
  let drawnAt = 0;
  return {
    came: (file, bytes, of) => {
      if (performance.now() - drawnAt < REDRAWN_EVERY_MS) return;
      drawnAt = performance.now();
      const filled = Math.round((WIDTH * bytes) / of);
      const bar = '#'.repeat(filled).padEnd(WIDTH, '-');
      stream.write(`\r\u001B[K[${bar}] ${megabytes(bytes)} of ${megabytes(of)}  ${safeLine(file)}`);
    },
    done: (file, bytes) => void stream.write(`\r\u001B[K${line(file, bytes)}`),
  };
}

function line(file: string, bytes: number): string {
  return `${safeLine(file)}  ${megabytes(bytes)}\n`;
}
