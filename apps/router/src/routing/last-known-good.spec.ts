import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { definition } from '#libs/testing/traffic';
import type { ExperimentState } from './experiment-state.js';
import { LastKnownGoodFile } from './last-known-good.js';

describe('the last-known-good file', () => {
  let folder: string;
  let path: string;
  let troubles: string[];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'last-known-good-'));
    path = join(folder, 'state.json');
    troubles = [];
  });
  afterEach(() => rm(folder, { recursive: true }));
  const file = (): LastKnownGoodFile => new LastKnownGoodFile(path, (message) => troubles.push(message));

  it('gives back what was saved', async () => {
    await file().save([known('a'), known('b')]);
    expect(await file().load()).toEqual([known('a'), known('b')]);
    expect(troubles).toEqual([]);
  });

  it('keeps every experiment but the one that can not be read, and names that one', async () => {
    await saveWith(['a', 'b', 'c'], (experiments) => {
      experiments[1] = { ...(experiments[1] as ExperimentState), definitions: [{ nonsense: true }] };
    });
    expect(await file().load()).toEqual([known('a'), known('c')]);
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain(`experiment "b" can't be used, the others are: `);
  });

  it('is not used when none of its experiments can be read', async () => {
    await saveWith(['a'], (experiments) => experiments.splice(0, 1, 7));
    expect(await file().load()).toBeUndefined();
    expect(troubles[0]).toContain(`experiment number 1 can't be used`);
  });

  async function saveWith(names: readonly string[], change: (experiments: unknown[]) => void): Promise<void> {
    await file().save(names.map(known));
    const content = JSON.parse(await readFile(path, 'utf8')) as { readonly experiments: unknown[] };
    change(content.experiments);
    await writeFile(path, JSON.stringify(content));
  }
});

function known(experiment: string): ExperimentState {
  return { experiment, definitions: [{ ...definition({ watch: [] }), experiment }], command: null };
}
