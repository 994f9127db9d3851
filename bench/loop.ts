/**
 * What the whole loop carries: requests through router and inference, pictures drawn, scored and judged, facts recorded, on this machine.
 * Prints requests/s, how far the analysis is behind at every fifth second (growing lag would show), and detection → applied.
 *
 *   npm run bench:loop -- [seconds=40]
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findScenario, playScenario, startStack } from '#apps/cli';

const seconds = Number(process.argv[2] ?? 40);
const dataDir = await mkdtemp(join(tmpdir(), 'teststrip-bench-'));
const stack = await startStack({ bus: 'postgres', dataDir, shape: 'standalone' });
try {
  const end = new AbortController();
  setTimeout(() => end.abort(), seconds * 1000).unref();
  const startedAt = performance.now();
  let [shownAt, sentThen] = [startedAt, 0];
  await playScenario(stack, findScenario('identical'), {
    seed: 1,
    requestsAfterwards: 0,
    concurrency: 56,
    signal: end.signal,
    onProgress: ({ course, sent }) => {
      const now = performance.now();
      if (now - shownAt < 5_000) return;
      const analysed = Object.values(course.analysis?.requests ?? {}).reduce((sum, count) => sum + count, 0);
      const rate = ((sent - sentThen) / (now - shownAt)) * 1000;
      [shownAt, sentThen] = [now, sent];
      const behindMs = course.analysis?.newestEventAt ? Date.now() - Date.parse(course.analysis.newestEventAt) : NaN;
      process.stdout.write(
        `${((now - startedAt) / 1000).toFixed(0).padStart(4)} s  ${rate.toFixed(0)} requests/s, ` +
          `${sent - analysed} requests not analysed yet, newest analysed event ${behindMs} ms old\n`,
      );
    },
  });
  const bad = await playScenario(stack, findScenario('wrong-attribute'), {
    seed: 1,
    requestsAfterwards: 0,
    concurrency: 56,
  });
  process.stdout.write(
    `rollback after ${bad.requests} requests, ${bad.exposed} exposed; detection → applied ${bad.detectionToAppliedMs.max} ms\n`,
  );
} finally {
  await stack.close();
  await rm(dataDir, { recursive: true, force: true });
}
