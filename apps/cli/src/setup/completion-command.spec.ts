import { spawnSync } from 'node:child_process';
import { Command, Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionScript } from './completion-command.js';

function aProgram(): Command {
  const program = new Command('teststrip');
  program
    .command('get')
    .argument('[kind]')
    .addOption(new Option('-o, --output <form>').choices(['json', 'yaml']))
    .option('--token <token>');
  const service = program.command('service').description("it's one");
  service.command('pause').option('-r, --reason <text>');
  service.command('resume');
  return program;
}

/** What bash would offer for the last of the words. */
function completed(...words: readonly string[]): readonly string[] {
  const line = `COMP_WORDS=(teststrip ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _teststrip; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync('bash', ['-c', `${completionScript(aProgram(), 'bash')}\n${line}`], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion', () => {
  it('offers commands, those below a command, options and what an option may be', () => {
    expect(completed('')).toEqual(['get', 'service', '--help']);
    expect(completed('service', '')).toEqual(['pause', 'resume', '--help']);
    expect(completed('service', 'pause', '--')).toEqual(['--reason', '--help']);
    expect(completed('get', '-o', 'y')).toEqual(['yaml']);
    // As bash divides "--output=y" and "--output=".
    expect(completed('get', '--output', '=', 'y')).toEqual(['yaml']);
    expect(completed('get', '--output', '=')).toEqual(['json', 'yaml']);
    expect(completed('get', '--token', '')).toEqual([]);
  });

  it('says in fish what each command is for, with its quotes', () => {
    expect(completionScript(aProgram(), 'fish')).toContain(
      "complete -c teststrip -n 'not __fish_seen_subcommand_from get service' -f -a service -d 'it\\'s one'",
    );
  });
});
