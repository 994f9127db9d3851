import { Argument, type Command, type Option } from 'commander';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

/** `teststrip completion`: a script for a shell, made from the commands that there are. */
export function addCompletionCommand(program: Command): void {
  program
    .command('completion')
    .description('prints a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'for which shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
}

const HELP = `
Examples:
  source <(teststrip completion bash)                                  now; in ~/.bashrc for ever
  source <(teststrip completion zsh)
  teststrip completion fish > ~/.config/fish/completions/teststrip.fish`;

export function completionScript(program: Command, shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bashScript(placesOf(program));
    case 'zsh':
      return `autoload -U +X compinit bashcompinit && compinit && bashcompinit\n${bashScript(placesOf(program))}`;
    case 'fish':
      return fishScript(placesOf(program));
    default:
      return shell satisfies never;
  }
}

/** A command with what may follow it. */
interface Place {
  /** "teststrip service pause" */
  readonly path: string;
  readonly commands: readonly Command[];
  readonly options: readonly Option[];
  /** What its first argument may be, where that is known. */
  readonly choices: readonly string[];
}

function placesOf(command: Command, parents = ''): readonly Place[] {
  const path = `${parents} ${command.name()}`.trimStart();
  const commands = command.commands.filter((child) => child.name() !== 'help');
  const [first] = command.registeredArguments;
  const place: Place = { path, commands, options: command.options, choices: first?.argChoices ?? [] };
  return [place, ...commands.flatMap((child) => placesOf(child, path))];
}

function wordsAt({ commands, options, choices }: Place): readonly string[] {
  return [...commands.map((child) => child.name()), ...choices, ...options.flatMap(({ long }) => long ?? []), '--help'];
}

/** Names and flags hold letters and hyphens alone: nothing has to be quoted otherwise. */
function bashScript(places: readonly Place[]): string {
  const paths = places.map(({ path }) => `"${path}"`).join('|');
  const values = places.flatMap(({ path, options }) => options.flatMap((option) => valueCase(path, option)));
  const words = places.map((place) => `    "${place.path}") words="${wordsAt(place).join(' ')}" ;;`);
  return `_teststrip() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD - 1]}" path="teststrip" words="" i
  # --for=promoted is three words here.
  if [[ "$previous" == "=" ]]; then previous="\${COMP_WORDS[COMP_CWORD - 2]}"; elif [[ "$current" == "=" ]]; then current=""; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$path \${COMP_WORDS[i]}" in
    ${paths}) path="$path \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$path $previous" in
${values.join('\n')}
  esac
  case "$path" in
${words.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _teststrip teststrip
`;
}

/** What may follow an option: its choices, or a file. */
function valueCase(path: string, { short, long, argChoices, required }: Option): readonly string[] {
  if (!required) return [];
  const flags = [short, long].filter((flag) => flag !== undefined);
  const pattern = flags.map((flag) => `"${path} ${flag}"`).join(' | ');
  const from = argChoices ? `-W "${argChoices.join(' ')}"` : long === '--file' ? '-f' : undefined;
  const found = from === undefined ? '()' : `($(compgen ${from} -- "$current"))`;
  return [`    ${pattern}) COMPREPLY=${found}; return ;;`];
}

function fishScript(places: readonly Place[]): string {
  const lines = places.flatMap((place) => {
    const at = `-n '${fishCondition(place)}'`;
    return [
      ...place.commands.map(
        (child) => `complete -c teststrip ${at} -f -a ${child.name()} -d ${quoted(child.description())}`,
      ),
      ...place.choices.map((choice) => `complete -c teststrip ${at} -f -a ${choice}`),
      ...place.options.map((option) => `complete -c teststrip ${at} ${fishOption(option)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}

/** All of its words have been typed, and none of the commands below it. */
function fishCondition({ path, commands }: Place): string {
  const typed = path.split(' ').slice(1);
  const below = commands.map((child) => child.name());
  const conditions = [
    ...typed.map((word) => `__fish_seen_subcommand_from ${word}`),
    ...(below.length === 0 ? [] : [`not __fish_seen_subcommand_from ${below.join(' ')}`]),
  ];
  return conditions.length === 0 ? 'true' : conditions.join('; and ');
}

function fishOption({ short, long, argChoices, required, description }: Option): string {
  const parts = [
    ...(short === undefined ? [] : [`-s ${short.slice(1)}`]),
    ...(long === undefined ? [] : [`-l ${long.slice(2)}`]),
    ...(required ? [long === '--file' ? '-r -F' : '-x'] : []),
    ...(argChoices ? [`-a ${quoted(argChoices.join(' '))}`] : []),
  ];
  return `${parts.join(' ')} -d ${quoted(description)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
