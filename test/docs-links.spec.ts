import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const pages = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...['docs', 'lab', 'tools', 'models', 'libs', 'apps'].filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
];

describe.each(pages)('%s', (page) => {
  const text = readFileSync(page, 'utf8');

  it('links to files that exist', () => {
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(
      ([, target]) => (target as string).split('#')[0] as string,
    );
    const gone = targets.filter(
      (target) => target !== '' && !/^[a-z]+:/.test(target) && !existsSync(join(dirname(page), decodeURI(target))),
    );
    expect(gone).toEqual([]);
  });

  it('names paths of the repository that exist', () => {
    const named = [...text.matchAll(/`((?:apps|libs|lab|tools|test|docs|models|docker|examples)\/[\w./-]+)`/g)];
    expect(named.map(([, path]) => path as string).filter((path) => !existsSync(path))).toEqual([]);
  });
});

it('gives each decision a number of its own, the one in its heading', () => {
  const files = readdirSync('docs/adr').filter((name) => name.endsWith('.md'));
  const numbers = files.map((name) => Number(name.slice(0, 4)));
  const headings = files.map((name) => readFileSync(join('docs/adr', name), 'utf8').match(/^# (\d+)\. /)?.[1]);
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(headings.map(Number)).toEqual(numbers);
});
