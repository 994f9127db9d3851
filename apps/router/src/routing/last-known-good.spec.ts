import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ServiceDefined } from '#libs/contracts';
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
    const state = { experiments: [known('a'), known('b')], services: [baseline], brokenGlass: [broken] };
    await file().save(state);
    expect(await file().load()).toEqual(state);
    expect(troubles).toEqual([]);
  });

  it('keeps every experiment but the one that can not be read, and names that one', async () => {
    await saveWith(['a', 'b', 'c'], (experiments) => {
      experiments[1] = { ...(experiments[1] as ExperimentState), definitions: [{ nonsense: true }] };
    });
    expect(await file().load()).toEqual({
      experiments: [known('a'), known('c')],
      services: [baseline],
      brokenGlass: [],
    });
    expect(troubles).toHaveLength(1);
    expect(troubles[0]).toContain(`experiment "b" can't be used, the others are: `);
  });

  it('is not used when none of its experiments can be read', async () => {
    await saveWith(['a'], (experiments) => experiments.splice(0, 1, 7), 'and its services');
    expect(await file().load()).toBeUndefined();
    expect(troubles[0]).toContain(`experiment number 1 can't be used`);
  });

  it('of before services had baselines is read', async () => {
    const { services: _none, ...content } = { version: 1, savedAt: 'then', experiments: [known('a')], services: [] };
    await writeFile(path, JSON.stringify(content));
    expect(await file().load()).toEqual({ experiments: [known('a')], services: [], brokenGlass: [] });
  });

  it('keeps every broken glass but the one that can not be read', async () => {
    const other = { ...broken, service: 'SDXL_Base' };
    await file().save({ experiments: [known('a')], services: [], brokenGlass: [other, broken] });
    expect((await file().load())?.brokenGlass).toEqual([broken]);
    expect(troubles[0]).toContain("broken glass number 1 can't be used");
  });

  it('keeps every service but the one that can not be read', async () => {
    await file().save({ experiments: [known('a')], services: [{ ...baseline, epoch: -1 }, baseline], brokenGlass: [] });
    expect(await file().load()).toEqual({ experiments: [known('a')], services: [baseline], brokenGlass: [] });
    expect(troubles[0]).toContain("service number 1 can't be used");
  });

  async function saveWith(
    names: readonly string[],
    change: (experiments: unknown[]) => void,
    without?: 'and its services',
  ): Promise<void> {
    await file().save({ experiments: names.map(known), services: [baseline], brokenGlass: [] });
    const content = JSON.parse(await readFile(path, 'utf8')) as { readonly experiments: unknown[] };
    change(content.experiments);
    await writeFile(path, JSON.stringify(without ? { ...content, services: [] } : content));
  }
});

const broken = {
  service: 'text-to-image',
  epoch: 3,
  actor: 'ana',
  reason: 'black pictures',
  at: '2026-11-20T10:00:00.000Z',
};

const baseline: ServiceDefined = {
  service: 'text-to-image',
  baseline: {
    upstream: 'http://127.0.0.1:8100/',
    config: { checkpoint: 'a', sampler: 'b', steps: 1, precision: 'fp16' },
    fingerprint: 'abc',
  },
  epoch: 3,
  definedAt: '2026-11-20T10:00:00.000Z',
  definedBy: 'ana',
};

function known(experiment: string): ExperimentState {
  return { experiment, definitions: [{ ...definition({ watch: [] }), experiment }], command: null };
}
