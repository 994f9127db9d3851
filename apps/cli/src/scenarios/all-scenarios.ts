import type { Carrier } from '../arguments.js';
import { playScenario } from './play-scenario.js';
import { resultsHead, resultsRow } from './results-table.js';
import type { Scenario } from './scenario.js';
import { StoredPictures } from './stored-pictures.js';
import { CONCURRENCY, needsScorerAlone, REQUESTS_AFTERWARDS, shapeFor, withStack } from './with-stack.js';

export interface ScenariosOptions {
  readonly bus: Carrier;
  readonly seeds: readonly number[];
  readonly scenarios: readonly Scenario[];
  /** The table. */
  readonly out: NodeJS.WriteStream;
  /** What is going on, in a terminal only. */
  readonly progress: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/** Plays every scenario with every seed and prints a table. Resolves with whether all ended as they have to. */
export async function runScenarios(options: ScenariosOptions): Promise<boolean> {
  const { bus, signal, out } = options;
  const say = progressLine(options.progress);
  say('starting the services …');
  return withStack({ bus, shape: shapeFor(options.scenarios, false), signal }, async (stack) => {
    const started = performance.now();
    const pictures = new StoredPictures(stack);
    const plays = options.scenarios.flatMap((scenario) => options.seeds.map((seed) => ({ scenario, seed })));
    let right = 0;
    say('');
    out.write(resultsHead());
    for (const [index, { scenario, seed }] of plays.entries()) {
      if (signal.aborted) break;
      const what = `${index + 1} of ${plays.length}: ${scenario.name}, seed ${seed}`;
      say(`${what}: starting and warming up two variants …`);
      const played = await playScenario(stack, scenario, {
        seed,
        requestsAfterwards: REQUESTS_AFTERWARDS,
        concurrency: CONCURRENCY,
        signal,
        onProgress: ({ sent, exposed }) => say(`${what}: ${sent} requests, ${exposed} answered by the candidate`),
      });
      say('');
      if (signal.aborted) break;
      if (played.asExpected) right += 1;
      out.write(resultsRow(scenario, played));
      await pictures.tidyAllBut(played.experiment);
      if (needsScorerAlone(scenario)) await stack.restart('scorer');
    }
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    const interrupted = signal.aborted ? ' Interrupted.' : '';
    out.write(`\n${right} of ${plays.length} ended as they have to, on ${bus}, in ${seconds} s.${interrupted}\n`);
    return right === plays.length;
  });
}

/** Overwrites one line of a terminal, a few times a second at most; says nothing elsewhere. */
function progressLine(out: NodeJS.WriteStream): (text: string) => void {
  if (!out.isTTY) return () => undefined;
  let saidAt = 0;
  return (text) => {
    const now = performance.now();
    if (text !== '' && now - saidAt < 200) return;
    saidAt = text === '' ? 0 : now;
    out.write(`\r\u001B[2K${text.slice(0, Math.max(20, (out.columns ?? 80) - 1))}`);
  };
}
