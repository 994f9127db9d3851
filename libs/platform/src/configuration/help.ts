import type { z } from 'zod';
import { variableFacts } from './variables.js';

/** Variables that belong together, under a heading. */
export interface VariableGroup {
  readonly title: string;
  readonly variables: z.ZodRawShape;
}

/** A variable as lists show it. */
export interface ListedVariable {
  readonly name: string;
  readonly description: string;
  /** In words or as one would write it; '' where there is none. */
  readonly defaultIs: string;
  readonly secret: boolean;
}

/** Groups of one title become one, and every variable is listed once, where it comes first. */
export function withoutRepeats(groups: readonly VariableGroup[]): readonly VariableGroup[] {
  const byTitle = new Map<string, Record<string, z.core.$ZodType>>();
  const seen = new Set<string>();
  for (const { title, variables } of groups) {
    const listed = byTitle.get(title) ?? {};
    byTitle.set(title, listed);
    for (const [name, schema] of Object.entries(variables)) {
      if (!seen.has(name)) listed[name] = schema;
      seen.add(name);
    }
  }
  return [...byTitle]
    .map(([title, variables]) => ({ title, variables }))
    .filter(({ variables }) => Object.keys(variables).length > 0);
}

export function listVariables({ variables }: VariableGroup): readonly ListedVariable[] {
  return Object.entries(variables).map(([name, schema]) => {
    const { description, secret = false, defaultIs } = variableFacts(name, schema);
    return { name, description, secret, defaultIs: defaultIs ?? shownDefault(schema as z.ZodType) };
  });
}

/** What `--help` prints: what the app is, and every variable with its default, by group. */
export function helpText(app: {
  readonly name: string;
  readonly summary: string;
  readonly groups: readonly VariableGroup[];
}): string {
  const groups = app.groups.map((group) => `${group.title}\n${listVariables(group).map(helpEntry).join('\n')}`);
  return `${app.name} — ${app.summary}\n\nIt is configured by environment variables.\n\n${groups.join('\n\n')}\n`;
}

function helpEntry({ name, description, defaultIs, secret }: ListedVariable): string {
  const more = [...(defaultIs === '' ? [] : [`default: ${defaultIs}`]), ...(secret ? ['never printed'] : [])];
  return `  ${name}${more.length === 0 ? '' : `  (${more.join('; ')})`}\n      ${description}`;
}

function shownDefault(schema: z.ZodType): string {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success || parsed.data === undefined) return '';
  const value: unknown = parsed.data;
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
