import {
  isAlias,
  isMap,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import { tooDeepInYaml } from './nesting.js';

/** A place in a text, both counted from 1. */
export interface FilePlace {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a text before anybody asks what it says. */
export interface YamlFault extends FilePlace {
  readonly message: string;
}

/** Plain values of a text, and where they stand in it. */
export interface YamlDocument {
  readonly value: unknown;
  /** Where the deepest part of `path` that exists stands. */
  readonly placeOf: (path: readonly PropertyKey[]) => FilePlace;
}

/** An experiment file has a few hundred lines; a text that is much larger is something else. */
const MOST_LETTERS = 256 * 1_024;
/** No mapping of an experiment file has as many names. */
const MOST_KEYS = 1_000;
/** More than this many uses of anchors is no experiment file; a few that name each other can stand for millions of values. */
const MOST_ALIASES = 100;
const TOO_DEEP = 'nested too deeply for an experiment file';
const PLAIN_TAGS = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

/** No-break and other spaces before the text of a line, as copied from a page: to YAML they are letters. */
const ODD_BLANK = /^( *)([\u00A0\u2000-\u200B\u202F\u3000])/m;

function placeIn(text: string, offset: number): FilePlace {
  const before = text.slice(0, offset).split(/\r\n|[\r\n]/);
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

/** Reads one YAML 1.2 (or JSON) document. Anchors and merge keys work; whatever can't become plain values is a fault with its place. */
export function readYaml(text: string): YamlDocument | { readonly faults: readonly [YamlFault, ...YamlFault[]] } {
  const lines = new LineCounter();
  const placeAt = (offset: number): FilePlace => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  if (text.length > MOST_LETTERS) {
    const message = `${text.length} characters: expected at most ${MOST_LETTERS} in an experiment file`;
    return { faults: [{ line: 1, column: 1, message }] };
  }
  const tooDeep = tooDeepInYaml(text);
  if (tooDeep !== undefined) return { faults: [{ ...placeIn(text, tooDeep), message: TOO_DEEP }] };
  const oddBlank = ODD_BLANK.exec(text);
  if (oddBlank) {
    const { line, column } = placeIn(text, oddBlank.index + (oddBlank[1] as string).length);
    const code = (oddBlank[2] as string).charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return {
      faults: [
        { line, column, message: `a blank that is none (U+${code}): expected plain spaces before the text of a line` },
      ],
    };
  }
  try {
    // The parser compares each key with all before it; see `repeatedKeys`.
    // Pretty errors each copy their line: thousands in one line take minutes.
    const options = {
      lineCounter: lines,
      merge: true,
      version: '1.2',
      uniqueKeys: false,
      prettyErrors: false,
    } as const;
    const document = parseDocument(text, options);
    const [first, ...others] = faultsOf(document, placeAt);
    if (first) return { faults: [first, ...others] };
    return {
      value: document.toJS({ maxAliasCount: MOST_ALIASES }),
      placeOf: (path) => placeAt(offsetOf(document, path)),
    };
  } catch (error) {
    // Only the depth of the nesting and the number of values that aliases stand for are not known before.
    const message = error instanceof RangeError ? TOO_DEEP : `can't be read as one value: ${(error as Error).message}`;
    return { faults: [{ ...placeAt(0), message }] };
  }
}

function faultsOf(document: Document, placeAt: (offset: number) => FilePlace): readonly YamlFault[] {
  const syntax = [...document.errors, ...document.warnings].map((error) => ({
    ...placeAt(error.pos[0]),
    message: inOwnWords(error),
  }));
  if (syntax.length > 0) return syntax;
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    return [
      { ...placeAt(0), message: `"%YAML ${document.directives.yaml.version}": expected YAML 1.2, without a directive` },
    ];
  }
  const faults: YamlFault[] = [];
  let aliases = 0;
  const note = (node: unknown, message: string): void => {
    faults.push({ ...placeAt(startOf(node) ?? 0), message });
  };
  visit(document, {
    Alias: (_key, alias, parents) => {
      aliases += 1;
      if (aliases > MOST_ALIASES) {
        note(alias, `expected at most ${MOST_ALIASES} aliases (*name) in an experiment file`);
        return visit.BREAK;
      }
      const target = alias.resolve(document);
      if (!target) note(alias, `"*${alias.source}": there is no anchor "&${alias.source}" before it`);
      else if ((parents as readonly unknown[]).includes(target)) {
        note(alias, `"*${alias.source}" stands inside what it names: it would have no end`);
      }
      return undefined;
    },
    Map: (_key, map) => {
      if (map.items.length > MOST_KEYS) {
        note(map, `${map.items.length} keys in one mapping: expected at most ${MOST_KEYS}`);
        return visit.SKIP;
      }
      for (const key of repeatedKeys(map)) note(key, 'this key is there already: expected each key once');
      return undefined;
    },
    Pair: (_key, { key, value }) => {
      if (key !== null && !isScalar(key)) note(key, 'a key has to be a plain word');
      else if (isMergeKey(key) && !isMergeSource(value, document)) {
        note(key, '"<<" takes over what an alias names: expected an alias of a mapping, such as "<<: *base"');
      } else if (isScalar(key) && key.value === '__proto__') note(key, '"__proto__" can be no key');
    },
    Node: (_key, node) => {
      const { tag } = node as Node & { readonly tag?: string };
      if (tag !== undefined && !PLAIN_TAGS.includes(tag)) {
        note(node, `the tag "${tag}" is not known: expected plain text, numbers, lists and mappings`);
      }
    },
  });
  return faults;
}

function inOwnWords({ code, message }: YAMLError): string {
  switch (code) {
    case 'MULTIPLE_DOCS':
      return 'a second document begins here: expected one experiment per file, without "---" after it';
    case 'TAB_AS_INDENT':
      return 'a tab: expected spaces before the text of a line';
    default:
      return (message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+:?$/, '');
  }
}

/** Keys that stand in a mapping a second time. */
function repeatedKeys(map: YAMLMap): readonly unknown[] {
  const seen = new Set<unknown>();
  return map.items.flatMap(({ key }) => {
    const name = isScalar(key) ? key.value : key;
    if (seen.has(name)) return [key];
    seen.add(name);
    return [];
  });
}

/** With merge keys switched on, the parser makes a symbol of "<<". */
function isMergeKey(key: unknown): boolean {
  return isScalar(key) && typeof key.value === 'symbol';
}

function isMergeSource(value: unknown, document: Document): boolean {
  const node = isAlias(value) ? value.resolve(document) : value;
  return isMap(node) || (isSeq(node) && node.items.every((item) => !isSeq(item) && isMergeSource(item, document)));
}

function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(
        (item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step),
      );
      if (!pair) break;
      offset = startOf(pair.key) ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
      offset = startOf(node) ?? offset;
    } else break;
    if (isAlias(node)) node = node.resolve(document);
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return (node as { range?: [number, number, number] | null } | null)?.range?.[0];
}
