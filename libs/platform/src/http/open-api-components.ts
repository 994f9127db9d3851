/** Part of a document of which the schemas with names stand apart. */
interface Componentised {
  readonly value: unknown;
  readonly schemas: Readonly<Record<string, unknown>>;
}

/**
 * A name that a schema gives to a part of itself (`#/$defs/…`) means nothing in a document of many schemas: what is named is put where the
 * whole document finds it (`#/components/schemas/…`). Of one name, what goes in may differ from what comes out; the second is numbered then.
 */
export function inComponents(document: unknown): Componentised {
  const components = new Components();
  return { value: components.take(document, new Map()), schemas: Object.fromEntries(components.schemas) };
}

class Components {
  readonly schemas = new Map<string, unknown>();
  private readonly written = new Map<string, string>();

  /** @param names what names mean here, by the component that they are */
  take(value: unknown, names: ReadonlyMap<string, string>): unknown {
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.take(item, names));
    const { $defs = {}, ...rest } = value as { readonly $defs?: Readonly<Record<string, unknown>> };
    const named = Object.entries($defs);
    const known = new Map([...names, ...named.map(([name, schema]) => [name, this.nameFor(name, schema)] as const)]);
    for (const [name, schema] of named) this.keep(known.get(name) as string, schema, known);
    return Object.fromEntries(
      Object.entries(rest).map(([field, part]) => [
        field,
        field === '$ref' ? referenceTo(part, known) : this.take(part, known),
      ]),
    );
  }

  private nameFor(name: string, schema: unknown): string {
    const text = JSON.stringify(schema);
    for (let number = 1; ; number += 1) {
      const candidate = number === 1 ? name : `${name}${number}`;
      const taken = this.written.get(candidate);
      if (taken !== undefined && taken !== text) continue;
      this.written.set(candidate, text);
      return candidate;
    }
  }

  private keep(name: string, schema: unknown, names: ReadonlyMap<string, string>): void {
    if (this.schemas.has(name)) return;
    this.schemas.set(name, undefined);
    this.schemas.set(name, this.take(schema, names));
  }
}

function referenceTo(reference: unknown, names: ReadonlyMap<string, string>): unknown {
  const name = /^#\/\$defs\/(.+)$/.exec(String(reference))?.[1];
  return name === undefined ? reference : `#/components/schemas/${names.get(name) ?? name}`;
}
