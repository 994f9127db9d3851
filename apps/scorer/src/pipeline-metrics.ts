import { Gauge, type Registry } from 'prom-client';
import type { Scorer } from '#libs/scoring';
import type { PictureFetcher } from './fetching/picture-fetcher.js';

const HOST_STATES = ['working', 'failing', 'given-up'] as const;

/** Says at every scrape what is in each stage that pictures pass through, and how the hosts do that they come from. */
export function measurePipeline(
  registry: Registry,
  {
    scorer,
    fetcher,
  }: { readonly scorer: Pick<Scorer, 'load'>; readonly fetcher: Pick<PictureFetcher, 'hosts' | 'bytesTaken'> },
): void {
  const registers = [registry];
  const pictures = new Gauge({
    name: 'teststrip_scorer_stage_pictures',
    help: 'Pictures by stage: waiting (for their host), fetching (over HTTP), preparing (decoded and resized, or waiting for it), embedding (with the model, or waiting for it).',
    labelNames: ['stage'] as const,
    registers,
    collect: () => {
      const hosts = fetcher.hosts();
      const { preparing, embedding } = scorer.load();
      pictures.set(
        { stage: 'waiting' },
        hosts.reduce((sum, { waiting }) => sum + waiting, 0),
      );
      pictures.set(
        { stage: 'fetching' },
        hosts.reduce((sum, { inside }) => sum + inside, 0),
      );
      pictures.set({ stage: 'preparing' }, preparing);
      pictures.set({ stage: 'embedding' }, embedding);
    },
  });
  const bytes: Gauge = new Gauge({
    name: 'teststrip_scorer_fetched_bytes',
    help: 'Bytes of pictures in memory as files, of the SCORER_FETCHED_BYTES that there is room for.',
    registers,
    collect: () => bytes.set(fetcher.bytesTaken),
  });
  const squares: Gauge = new Gauge({
    name: 'teststrip_scorer_squares',
    help: 'Places that are taken of the memory between decoding and the model; all of them: the model is the slowest.',
    registers,
    collect: () => squares.set(scorer.load().squares.taken),
  });
  const hosts = new Gauge({
    name: 'teststrip_scorer_hosts',
    help: 'Hosts that pictures come from, by how they do: working, failing (asked by one picture at a time), given-up (their pictures are unavailable at once).',
    labelNames: ['state'] as const,
    registers,
    collect: () => {
      const conditions = fetcher.hosts();
      for (const state of HOST_STATES) {
        hosts.set({ state }, conditions.filter((host) => host.state === state).length);
      }
    },
  });
}
