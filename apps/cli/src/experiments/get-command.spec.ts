import { Command } from 'commander';
import { expect, it } from 'vitest';
import { addGetCommand } from './get-command.js';

it('says which kinds there are, and how to see one thing, to who gives its key alone', async () => {
  const said: string[] = [];
  const program = new Command().exitOverride().configureOutput({ writeErr: (text) => said.push(text) });
  addGetCommand(program);
  for (const command of program.commands) command.copyInheritedSettings(program);
  await expect(program.parseAsync(['get', 'my-canary'], { from: 'user' })).rejects.toThrow("argument 'kind'");
  expect(said.join('')).toContain(
    'Allowed choices are experiment, experiments, service, services: to see one of them, "teststrip get experiment my-canary".',
  );
});
