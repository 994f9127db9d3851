import type { Command } from 'commander';
import { contractDocuments } from '#libs/contracts';

/** `teststrip schema`: the experiment file as JSON Schema, for editors. */
export function addSchemaCommand(program: Command): void {
  program
    .command('schema')
    .description('prints the JSON Schema of experiment files, for editors')
    .addHelpText('after', HELP)
    .action(() => {
      const schema = contractDocuments().get('schemas/experiment-file.json');
      process.stdout.write(`${JSON.stringify(schema, null, 2)}\n`);
    });
}

const HELP = `
Example, for editors with a YAML language server:
  teststrip schema > experiment.schema.json
and as the first line of an experiment file:
  # yaml-language-server: $schema=./experiment.schema.json`;
