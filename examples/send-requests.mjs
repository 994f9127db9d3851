// Sends requests of many users through the router until the experiment has ended, and tells what came back.
//   node examples/send-requests.mjs [--router URL] [--decision URL] [--service NAME] [--experiment KEY] [--per-second N] [--at-most-s N]
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    router: { type: 'string', default: 'http://127.0.0.1:8080' },
    decision: { type: 'string', default: 'http://127.0.0.1:8081' },
    service: { type: 'string', default: 'text-to-image' },
    experiment: { type: 'string', default: 'my-first-canary' },
    'per-second': { type: 'string', default: '100' },
    'at-most-s': { type: 'string', default: '300' },
  },
});
const url = new URL(`/v1/services/${values.service}/generate`, values.router);
// Where reading needs a token too.
const { TESTSTRIP_TOKEN: token } = process.env;
const headers = token ? { authorization: `Bearer ${token}` } : {};
const counts = new Map();
let users = 0;

async function sendOne() {
  users += 1;
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'teststrip-unit': `user-${users}`, 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'a red circle on a grey ground' }),
  });
  await response.arrayBuffer();
  const assignment = JSON.parse(decodeURIComponent(response.headers.get('teststrip-assignment') ?? 'null'));
  const who = `${assignment?.variant ?? 'no variant'} ${response.status}`;
  counts.set(who, (counts.get(who) ?? 0) + 1);
}

const endsAt = Date.now() + 1000 * Number(values['at-most-s']);
while (Date.now() < endsAt) {
  for (let index = 0; index < Number(values['per-second']); index += 1) {
    sendOne().catch((error) => console.error(`the router does not answer: ${error.cause?.message ?? error.message}`));
    await sleep(1000 / Number(values['per-second']));
  }
  const experiment = await fetch(new URL(`/v1/experiments/${values.experiment}`, values.decision), { headers }).then(
    (answer) => answer.json(),
  );
  const seen = [...counts].sort().map(([who, times]) => `${who}: ${times}`);
  console.log(`${experiment.phase ?? experiment.detail} | ${seen.join(', ')}`);
  if (['promoted', 'rolled-back', 'concluded'].includes(experiment.phase)) {
    console.log(experiment.lastCommand?.message ?? '');
    break;
  }
}
