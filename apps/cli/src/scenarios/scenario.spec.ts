import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { scenarios } from './scenario.js';

interface Means {
  readonly requests: { readonly mean: number };
  readonly exposed: { readonly mean: number };
}
type Results = Readonly<Record<string, { readonly rules: readonly (Means & { readonly rule: string })[] }>>;

const calibration = new URL('../../../../lab/results/calibration.json', import.meta.url);
const { results } = JSON.parse(readFileSync(calibration, 'utf8')) as { readonly results: Results };
const page = readFileSync(new URL('../../../../docs/scenarios.md', import.meta.url), 'utf8');

const referenced = scenarios.flatMap(({ name, reference }) => (reference ? [{ name, reference }] : []));

describe('the simulated rule beside a story', () => {
  it.each(referenced.filter(({ reference }) => reference.cell !== null))(
    'takes what the calibration measured: $name',
    ({ reference }) => {
      const ours = results[reference.cell!]?.rules.find(({ rule }) => rule === 'Teststrip');
      expect(reference.requests).toBe(Math.round(ours!.requests.mean));
      if (reference.exposed !== null) expect(reference.exposed).toBe(Math.round(ours!.exposed.mean));
    },
  );

  it.each(referenced)('is on the page of the stories: $name', ({ name, reference: { requests, exposed } }) => {
    const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`) && line.includes(' – '));
    const figures = `| ${requests.toLocaleString('en')}${exposed === null ? '' : ` / ${exposed}`}`;
    expect(row).toContain(figures);
  });
});
