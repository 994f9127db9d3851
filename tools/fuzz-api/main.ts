import { parseArgs } from 'node:util';
import { doorOf, operationCount, variedOperations, type Document } from './doors.js';
import { fuzz, type Fuzzed } from './schemathesis.js';
import { fuzzFiles } from './send-files.js';
import { startFuzzedStandalone, type FuzzedStandalone } from './standalone.js';
import { merged, sumOf, tallyLines } from './tally.js';

/**
 * `npm run fuzz:api`: schemathesis asks every route of a running standalone, as its own descriptions say, what its schemas allow and what they
 * do not; before that come experiment files that are valid, drawn from those of the documentation (`--only files`: these alone). Ends with code 1 where an answer is 5xx, has a status that the description does not tell, or takes more than 5 s.
 */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    'at-most-minutes': { type: 'string', default: '15' },
  },
});

interface Door {
  readonly name: string;
  readonly url: string;
  readonly document: Document;
}

/** The rest are examples and borders of what is allowed, as many as there are. */
const DRAWN_SHARE = 0.8;
/** Of the requests, those that are about experiment files that are valid. */
const FILES_SHARE = 0.2;
/** With fewer requests than were asked for the next seed draws others. */
const MOST_ROUNDS = 5;

const untilMs = performance.now() + Number(values['at-most-minutes']) * 60_000;
const standalone = await startFuzzedStandalone();
process.on('SIGINT', () => void standalone.close().then(() => process.exit(130)));
let isClean = false;
try {
  const wanted = values.only?.split(',');
  const doors = await doorsOf(standalone);
  const files = wanted?.includes('files') === false ? [] : [await sendFiles(doors)];
  const asked = doors.filter(({ name }) => wanted?.includes(name) ?? true);
  isClean = told(asked, await fuzzAll(asked, files));
} finally {
  await standalone.close();
}
process.exit(isClean ? 0 : 1);

function sendFiles(doors: readonly Door[]): Promise<Fuzzed> {
  return fuzzFiles({
    standalone,
    documents: new Map(doors.map(({ name, document }) => [name, document])),
    requests: Math.ceil(Number(values.requests) * FILES_SHARE),
    seed: Number(values.seed),
    untilMs,
  });
}

async function fuzzAll(doors: readonly Door[], before: readonly Fuzzed[]): Promise<readonly Fuzzed[]> {
  const wanted = Number(values.requests);
  const varied = doors.reduce((sum, { document }) => sum + variedOperations(document), 0);
  const fuzzed: Fuzzed[] = [...before];
  let last = Infinity;
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const missing = wanted - sumOf(merged(fuzzed.map(({ tally }) => tally)));
    // Nothing more can be asked where it does not start.
    if (missing <= 0 || missing === last) break;
    last = missing;
    for (const door of doors) {
      process.stdout.write(`\n${door.name}: ${door.url}\n`);
      const { token, folder } = standalone;
      const examples = Math.ceil((missing * DRAWN_SHARE) / Math.max(varied, 1));
      const atMostMs = Math.max(untilMs - performance.now(), 1);
      fuzzed.push(await fuzz({ ...door, token, folder, examples, seed: Number(values.seed) + round, atMostMs }));
    }
  }
  return fuzzed;
}

/** Says what was asked and answered. @returns whether nothing is wrong */
function told(doors: readonly Door[], fuzzed: readonly Fuzzed[]): boolean {
  for (const name of new Set(fuzzed.map((one) => one.name))) {
    const own = fuzzed.filter((one) => one.name === name);
    const door = doors.find((one) => one.name === name);
    const tally = merged(own.map((one) => one.tally));
    const faults = [...new Set(own.flatMap(({ fault }) => fault ?? []))];
    const verdict = faults.length === 0 ? 'as described' : `FAILED: ${faults.join('; ')}`;
    const lines = [
      `\n${name}: ${door ? operationCount(door.document) : tally.size} operations, ${sumOf(tally)} requests, ${verdict}`,
      ...tallyLines(tally),
    ];
    process.stdout.write(`${lines.join('\n')}\n`);
  }
  const sum = fuzzed.reduce((all, { tally }) => all + sumOf(tally), 0);
  const isEnough = values.only !== undefined || sum >= Number(values.requests);
  const isGood = isEnough && fuzzed.every(({ fault }) => fault === undefined);
  process.stdout.write(
    `\n${sum} requests in all: ${isGood ? 'no 5xx, no undeclared status, none slower than 5 s' : 'FAILED'}\n`,
  );
  return isGood;
}

/** Every port that answers requests, with what it describes. The router describes both of its own. */
async function doorsOf({ addresses }: FuzzedStandalone): Promise<readonly Door[]> {
  const apps = ['decision', 'reports', 'routerAdmin', 'recorder', 'analyzer', 'scorer'];
  const documents = await Promise.all(
    apps.map(async (name) => {
      const answer = await fetch(new URL('/openapi.json', addresses[name]));
      return { name, url: addresses[name]!, document: (await answer.json()) as Document };
    }),
  );
  return documents.flatMap(({ name, url, document }) => {
    if (name !== 'routerAdmin') return [{ name, url, document: doorOf(document, () => true) }];
    return [
      { name, url, document: doorOf(document, (path, operation) => !isOfUsers(path, operation['x-role'])) },
      {
        name: 'router',
        url: addresses['router']!,
        document: doorOf(document, (path, operation) => isOfUsers(path, operation['x-role'])),
      },
    ];
  });
}

function isOfUsers(path: string, role: string | undefined): boolean {
  return role === 'anybody' && /^\/(v1|ofrep)\//.test(path);
}
