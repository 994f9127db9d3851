import { toPostgresJson } from './insert-json-rows.js';

export type CopiedValue = string | number | boolean | object | null | undefined;

/** Rows of a table as `copy` reads them, in Postgres' text format. */
export class CopiedTable<Column extends string> {
  readonly sql: string;

  /**
   * @param copyInto names the table where its owner stands: `copy teststrip.request_facts`
   * @param columns those that `rowOf` gets
   */
  constructor(
    copyInto: `copy teststrip.${string}`,
    private readonly columns: readonly Column[],
  ) {
    this.sql = `${copyInto} (${columns.join(', ')}) from stdin`;
  }

  /** Values by column; what there is nothing of is null. */
  rowOf(values: { readonly [Name in Column]: CopiedValue }): string {
    let row = '';
    for (const column of this.columns) row += `${row === '' ? '' : '\t'}${textOf(values[column])}`;
    return `${row}\n`;
  }
}

const NULL = '\\N';

function textOf(value: CopiedValue): string {
  switch (typeof value) {
    case 'string':
      return escaped(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : NULL;
    case 'boolean':
      return value ? 't' : 'f';
    case 'object':
      return value === null ? NULL : escaped(toPostgresJson(value));
    default:
      return NULL;
  }
}

/** What divides rows and columns, what escapes that, and the character that Postgres can't keep. Halves of surrogate pairs become U+FFFD where text becomes bytes. */
const SPECIAL = /[\\\n\r\t\0]/;
const ESCAPED: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\0': '\uFFFD',
};

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replace(/[\\\n\r\t\0]/g, (character) => ESCAPED[character]!) : text;
}
