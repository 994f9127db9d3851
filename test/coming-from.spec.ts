import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { experimentSpec, parseExperimentFile } from '#libs/contracts';
import { knownMetrics } from '#libs/evidence';

const page = readFileSync('docs/coming-from.md', 'utf8');
const files = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text]) => text as string);

describe('definitions of other tools, as docs/coming-from.md writes them', () => {
  it.each(files.map((text) => [/^key: (.*)$/m.exec(text)?.[1] ?? '', text]))('%s is read', (key, text) => {
    const spec = parseExperimentFile(text, `${key}.yaml`, knownMetrics);
    expect(experimentSpec.parse(spec)).toEqual(spec);
  });

  it('say of every one of the fourteen what one writes, or why not', () => {
    const rows = page
      .split('\n')
      .filter((line) => /^\| (Argo|Flagger|Seldon|PipeCD|Kayenta|KServe|Eppo|flagd)/.test(line));
    expect(rows.length).toBeGreaterThanOrEqual(14);
    for (const row of rows) expect(row).toMatch(/\]\(#[a-z-]+\)|\*\*(no|not yet|in part)\*\*/);
  });
});
