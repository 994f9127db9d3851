/**
 * What the whole loop carries on this machine: requests through router and inference service, telemetry, scoring, evidence, facts in
 * Postgres. Prints requests/s, how far the analysis is behind at every fifth second (growing lag would show), and detection → applied.
 *
 * Two rows. `telemetry`: a service whose pictures are made on GPUs elsewhere (400 different ones, drawn once) and one generation in four
 * scored. `everything`: every picture is drawn, written, fetched and scored on the same CPUs.
 *
 *   npm run bench:loop -- [seconds=40]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from 'simple-statistics';
import { findScenario, playScenario, startStack } from '#apps/cli';

const seconds = Number(process.argv[2] ?? 40);
/** As many at once as the loop can be offered; the traffic itself sends fewer where answers begin to queue. */
const CONCURRENCY = 96;

await run('telemetry', { SCORER_SAMPLE_RATE: '0.25' }, { differentPictures: 400 });
await run('everything', {}, {});

async function run(
  title: string,
  settings: Readonly<Record<string, string>>,
  pictures: { readonly differentPictures?: number },
): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-bench-'));
  const options = { seed: 1, requestsAfterwards: 0, concurrency: CONCURRENCY, ...pictures };
  const stack = await startStack({ bus: 'postgres', dataDir, shape: 'standalone', settings });
  try {
    process.stdout.write(`${title}\n`);
    const end = new AbortController();
    let endsAt: number | undefined;
    let [shownAt, sentThen] = [0, 0];
    const rates: number[] = [];
    await playScenario(stack, findScenario('identical'), {
      ...options,
      signal: end.signal,
      onProgress: ({ course, sent }) => {
        const now = performance.now();
        if (endsAt === undefined) [endsAt, shownAt] = [now + seconds * 1000, now];
        if (now >= endsAt) end.abort();
        if (now - shownAt < 5_000) return;
        const analysed = Object.values(course.analysis?.requests ?? {}).reduce((sum, count) => sum + count, 0);
        const rate = ((sent - sentThen) / (now - shownAt)) * 1000;
        rates.push(rate);
        [shownAt, sentThen] = [now, sent];
        const behindMs = course.analysis?.newestEventAt ? Date.now() - Date.parse(course.analysis.newestEventAt) : NaN;
        process.stdout.write(
          `${((now - endsAt) / 1000 + seconds).toFixed(0).padStart(4)} s  ${rate.toFixed(0)} requests/s, ` +
            `${sent - analysed} requests not analysed yet, newest analysed event ${behindMs} ms old\n`,
        );
      },
    });
    const settled = median(rates.slice(Math.floor(rates.length / 2)));
    process.stdout.write(`      median of the second half: ${settled.toFixed(0)} requests/s\n`);
    const bad = await playScenario(stack, findScenario('wrong-attribute'), options);
    process.stdout.write(
      `      rollback after ${bad.requests} requests, ${bad.exposed} exposed; detection → applied ${bad.detectionToAppliedMs.max} ms\n`,
    );
  } finally {
    await stack.close();
    await rm(dataDir, { recursive: true, force: true });
  }
}
