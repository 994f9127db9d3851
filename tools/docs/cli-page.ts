import { exitCodesInWords, teststripProgram } from '#apps/cli';
import { inTable } from './in-table.js';

type CliCommand = ReturnType<typeof teststripProgram>;
type CliOption = CliCommand['options'][number];

/** The page about the command line, made from the commands that there are. @param generated how it came about */
export function cliPage(generated: string): string {
  const program = teststripProgram(new AbortController().signal);
  const commands = leaves(program);
  const shared = sharedOptions(commands);
  return [
    '# Command line',
    generated,
    INTRODUCTION,
    `## Which server, and who you are\n\n${SERVERS}\n\n${optionTable(shared)}`,
    `## Exit codes\n\n| code | meaning |\n| --- | --- |\n${exitCodesInWords.map(([code, meaning]) => `| ${code} | ${inTable(meaning)} |`).join('\n')}\n\n${PIPELINE}`,
    `## Editors and shells\n\n${EDITORS}`,
    '## Commands',
    ...commands.map((command) => section(command, shared)),
  ]
    .join('\n\n')
    .concat('\n');
}

const INTRODUCTION =
  '`npm run -s teststrip -- <command>` in the repository after `npm run build`; `npx teststrip <command>` where the package is installed. Answers come on standard output, in words, or whole with `-o json` and `-o yaml`; what went wrong is said on standard error, with what helps. Control characters in what a server says are written out (`\\u001b`), so that nothing it says moves the cursor.';

const SERVERS = `Without options, commands ask the services on this machine (\`http://127.0.0.1:8081\`, reports \`:8082\`), and send the token in the file \`operator-token\` of \`DATA_DIR\`, if it is there; to other ports of this machine only where a server of that folder has listened there.

For others: \`teststrip context set production --server https://teststrip.example.com\` and \`teststrip login\`, which reads a token without showing it, checks it, and keeps it in
\`$XDG_CONFIG_HOME/teststrip/contexts.json\` (\`~/.config\` without the variable), readable by your account alone. In pipelines \`TESTSTRIP_SERVER\`, \`TESTSTRIP_REPORTS\` and \`TESTSTRIP_TOKEN\` say the same.
The order is: option, variable, context, this machine. A token that is kept goes to the server that it was kept for, and to no other. Where decision service and reports have one address, \`--server\` is enough.`;

const PIPELINE = `\`\`\`sh
teststrip validate -f experiment.yaml                       # in every pull request, without a server
teststrip apply -f experiment.yaml
teststrip wait sdxl-int8 --for approval --timeout 2h && notify "sdxl-int8 waits for you"   # where a stage asks for one
teststrip wait sdxl-int8 --for promoted --timeout 2h || exit 1   # 0 promoted, 1 ended otherwise, 3 not in time
\`\`\``;

const EDITORS = `\`teststrip schema > experiment.schema.json\` writes the JSON Schema of experiment files. Editors with a YAML language server check and complete a file that begins with

\`\`\`yaml
# yaml-language-server: $schema=./experiment.schema.json
\`\`\`

\`source <(teststrip completion bash)\` completes commands and options, \`zsh\` alike; \`teststrip completion fish > ~/.config/fish/completions/teststrip.fish\`.`;

/** Commands that do something, in the order of the help. */
function leaves(command: CliCommand): readonly CliCommand[] {
  return command.commands.flatMap((child) => (child.commands.length > 0 ? leaves(child) : [child as CliCommand]));
}

/** Those that commands which ask a server have in common. */
function sharedOptions(commands: readonly CliCommand[]): readonly CliOption[] {
  return (
    commands.find((command) => command.name() === 'get')?.options.filter(({ long }) => SHARED.has(long ?? '')) ?? []
  );
}

const SHARED = new Set(['--server', '--reports', '--context', '--token', '--actor']);

function section(command: CliCommand, shared: readonly CliOption[]): string {
  const isAsking = shared.every(({ flags }) => command.options.some((option) => option.flags === flags));
  const own = command.options.filter((option) => !isAsking || !shared.some(({ flags }) => flags === option.flags));
  const usage = [
    pathOf(command),
    ...command.registeredArguments.map(argumentWords),
    ...(own.length > 0 ? ['[options]'] : []),
  ];
  const asks = isAsking ? ' Asks a server.' : '';
  const head = `### ${pathOf(command)}\n\n\`${usage.join(' ')}\`\n\n${sentence(command.description())}${asks}`;
  return own.length === 0 ? head : `${head}\n\n${optionTable(own)}`;
}

function pathOf(command: CliCommand): string {
  const { parent } = command;
  return parent ? `${pathOf(parent as CliCommand)} ${command.name()}` : command.name();
}

function argumentWords(argument: CliCommand['registeredArguments'][number]): string {
  const name = argument.argChoices?.join('|') ?? argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionTable(options: readonly CliOption[]): string {
  const rows = options.map((option) => `| \`${option.flags}\` | ${inTable(meaningOf(option))} |`);
  return ['| option | meaning |', '| --- | --- |', ...rows].join('\n');
}

function meaningOf({ description, argChoices, defaultValue, defaultValueDescription, mandatory }: CliOption): string {
  const shown =
    defaultValueDescription ?? (Array.isArray(defaultValue) || defaultValue === undefined ? '' : String(defaultValue));
  const facts = [
    ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
    ...(mandatory ? ['needed'] : []),
    ...(shown === '' ? [] : [`default ${shown}`]),
  ];
  return `${description}${facts.length === 0 ? '' : ` (${facts.join('; ')})`}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
