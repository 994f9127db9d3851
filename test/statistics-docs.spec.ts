import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as labMethods from '#lab/methods';
import * as planning from '#libs/planning';
import * as statistics from '#libs/statistics';

const methods: Readonly<Record<string, object>> = {
  '#libs/statistics': statistics,
  '#libs/planning': planning,
  '#lab/methods': labMethods,
};

const pages = [...filesIn('docs', '.md'), ...filesIn('lab', '.md')].map((path) => ({
  path,
  text: readFileSync(path, 'utf8'),
}));
const statisticsPages = pages.filter(({ path }) => path.startsWith(join('docs', 'statistics')));

describe('docs/statistics', () => {
  it.each(Object.entries(methods))('names every function of %s', (_door, exported) => {
    const functions = Object.entries(exported).filter(([, value]) => typeof value === 'function');
    expect(functions.length).toBeGreaterThan(0);
    const text = statisticsPages.map((page) => page.text);
    const named = new Set(text.flatMap((page) => [...page.matchAll(/`(\w+)(?:\(.*?\))?`/g)].map(([, name]) => name)));
    expect(functions.map(([name]) => name).filter((name) => !named.has(name))).toEqual([]);
  });

  it('names files that exist', () => {
    const sources = new Set([...filesIn('libs', '.ts'), ...filesIn('lab', '.ts')].map((path) => basename(path)));
    const missing = statisticsPages.flatMap(({ path, text }) =>
      [...withoutCode(text).matchAll(/`((?:libs|lab|tools)\/[\w./-]+|[\w.-]+\.ts)`/g)]
        .map(([, file]) => file as string)
        .filter((file) => !existsSync(file) && !sources.has(file))
        .map((file) => `${path}: ${file}`),
    );
    expect(missing).toEqual([]);
  });
});

describe('docs', () => {
  it('lead only to files and headings that exist', () => {
    const dead = pages.flatMap((page) =>
      linksIn(page.text)
        .filter((link) => !leadsSomewhere(page.path, link))
        .map((link) => `${page.path}: ${link}`),
    );
    expect(dead).toEqual([]);
  });
});

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

/** Targets of relative links, inline (`[text](target)`) and by reference (`[name]: target`). */
function linksIn(text: string): string[] {
  const prose = withoutCode(text);
  const inline = [...prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)];
  const references = [...prose.matchAll(/^\[[^\]]+\]:\s+(\S+)/gm)];
  return [...inline, ...references]
    .map(([, target]) => target as string)
    .filter((target) => !/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target));
}

/** A heading is looked for in Markdown pages only: lines of source files move. */
function leadsSomewhere(from: string, link: string): boolean {
  const [file = '', heading] = link.split('#');
  const path = file === '' ? from : join(dirname(from), decodeURI(file));
  if (!existsSync(path)) return false;
  if (heading === undefined || !path.endsWith('.md') || !statSync(path).isFile()) return true;
  return headingsIn(readFileSync(path, 'utf8')).has(heading);
}

/** Anchors as GitHub makes them: lower case, punctuation dropped, blanks to hyphens. */
function headingsIn(text: string): ReadonlySet<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6}\s+(.+)$/gm)].map(([, heading]) => heading as string);
  return new Set(
    headings.map((heading) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    ),
  );
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, '');
}
