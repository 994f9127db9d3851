import { Controller, Get, type DynamicModule } from '@nestjs/common';
import { expect, it } from 'vitest';
import { defineApp } from '../app/define-app.js';
import { defineNeed } from '../app/need.js';
import { startApp } from '../app/start-app.js';
import { variables } from '../configuration/variables.js';

@Controller('v1')
class Asking {
  @Get('away')
  away(): never {
    throw new Error('connect ECONNREFUSED 10.0.0.7:5432');
  }

  @Get('broken')
  broken(): never {
    throw new TypeError('x is not a function');
  }
}

const needsStore = defineNeed({
  name: 'store',
  title: 'Store',
  variables: {},
  open: () => Promise.resolve({ resource: {} }),
  isAway: (error) => (error as Error).message.startsWith('connect'),
});

const answering = { summary: 'Fails.', 'x-role': 'anybody', responses: {} } as const;
const app = defineApp({
  name: 'asking',
  summary: 'Asks a store.',
  needs: { store: needsStore },
  variables: { ASKING_PORT: variables.port.default(0) },
  port: 'ASKING_PORT',
  settings: () => ({}),
  module: (): DynamicModule => ({ module: class AskingModule {}, controllers: [Asking] }),
  api: {
    title: 'Asking',
    description: 'Fails.',
    paths: { '/v1/away': { get: answering }, '/v1/broken': { get: answering } },
  },
});

it('answers 503, and when to ask again, while what the app needs is away; 500 for anything else; and tells nobody where it is', async () => {
  const { url, close } = await startApp(app);
  try {
    const answers = await Promise.all(['away', 'broken'].map((name) => fetch(new URL(`/v1/${name}`, url))));
    expect(answers.map(({ status, headers }) => [status, headers.get('retry-after')])).toEqual([
      [503, '2'],
      [500, null],
    ]);
    for (const answer of answers) expect(await answer.text()).not.toMatch(/10\.0\.0\.7|not a function/);
  } finally {
    await close();
  }
});
