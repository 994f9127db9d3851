import { expect, it } from 'vitest';
import { progressBar } from './progress-bar.js';

function written(isTTY: boolean): string {
  let text = '';
  const stream = { isTTY, write: (part: string) => ((text += part), true) } as unknown as NodeJS.WriteStream;
  const bar = progressBar(stream);
  bar.came('model.safetensors', 3e6, 12e6);
  bar.came('model.safetensors', 4e6, 12e6);
  bar.done('model.safetensors\u001b[2J', 12e6);
  return text;
}

it('draws a bar on a terminal, not oftener than is seen, and a line when a file is there', () => {
  expect(written(true)).toBe(
    '\r\u001B[K[######------------------] 3.0 MB of 12.0 MB  model.safetensors\r\u001B[Kmodel.safetensors\\u001b[2J  12.0 MB\n',
  );
});

it('writes lines alone elsewhere', () => {
  expect(written(false)).toBe('model.safetensors\\u001b[2J  12.0 MB\n');
});
