import { createHash } from 'node:crypto';
import type { ApiDescription, ApiOperation } from './open-api.js';
import { allPaths } from './open-api.js';
import {
  exampleCommand,
  exampleRequest,
  named,
  parametersOfOperation,
  schemasOf,
  type Schema,
} from './open-api-example.js';

/** Nothing is loaded and nothing runs: the page is text. */
export function openApiPagePolicy(): string {
  const style = createHash('sha256').update(STYLE).digest('base64');
  return `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
}

/** The description of an app's routes for people: the same document as `/openapi.json`. */
export function openApiPage(api: ApiDescription): string {
  const routes = Object.entries(allPaths(api)).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
  );
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="dark light">',
    `<title>${inHtml(api.title)}</title><style>${STYLE}</style></head><body><main>`,
    `<h1>${inHtml(api.title)}</h1><p>${prose(api.description)}</p>`,
    '<p class="small">In examples <code>$URL</code> is the address of this service, <code>$TOKEN</code> your token. The same for programs: <a href="/openapi.json">openapi.json</a>.</p>',
    ...routes.map(route),
    '</main></body></html>',
  ].join('\n');
}

interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: ApiOperation;
}

function route({ method, path, operation }: Route): string {
  const role = operation['x-role'];
  const example = exampleCommand(exampleRequest(method, path, operation), role !== 'anybody');
  return [
    `<details id="${inHtml(String(operation['operationId']))}">`,
    `<summary><span class="method ${method}">${method.toUpperCase()}</span> <code>${inHtml(path)}</code>`,
    `<span class="role">${role}</span><span class="says">${prose(operation.summary)}</span></summary>`,
    '<h2>Example</h2>',
    `<pre>${inHtml(example)}</pre>`,
    parameters(operation),
    body(operation),
    answers(operation),
    '</details>',
  ].join('\n');
}

function parameters(operation: ApiOperation): string {
  const given = parametersOfOperation(operation);
  if (given.length === 0) return '';
  const rows = given.map(
    ({ name, in: where, required, description, schema }) =>
      `<tr><th scope="row"><code>${inHtml(name)}</code></th><td>${where}${required ? '' : ', optional'}</td><td>${kindOf(schema)}</td><td>${prose(description ?? '')}</td></tr>`,
  );
  return `<h2>Parameters</h2><table>${rows.join('')}</table>`;
}

function body(operation: ApiOperation): string {
  return schemasOf(operation['requestBody'])
    .map(([type, schema]) => `<h2>Body: ${inHtml(type)}</h2>${fields(schema)}${whole(schema)}`)
    .join('');
}

function answers({ responses }: ApiOperation): string {
  const rows = Object.entries(responses).map(([status, answer]) => {
    const { description = '' } = answer as { readonly description?: string };
    const schemas = schemasOf(answer).map(([, schema]) => whole(schema));
    return `<tr><th scope="row">${inHtml(status)}</th><td>${prose(description)}${schemas.join('')}</td></tr>`;
  });
  return `<h2>Answers</h2><table>${rows.join('')}</table>`;
}

function fields(schema: Schema): string {
  const { properties = {}, required = [] } = named(schema, schema.$defs ?? {});
  const rows = Object.entries(properties).map(
    ([name, field]) =>
      `<tr><th scope="row"><code>${inHtml(name)}</code></th><td>${required.includes(name) ? '' : 'optional'}</td><td>${kindOf(field)}</td><td>${prose(field.description ?? '')}</td></tr>`,
  );
  return rows.length === 0 ? '' : `<table>${rows.join('')}</table>`;
}

function kindOf({ type, enum: values }: Schema = {}): string {
  return inHtml(values === undefined ? (type ?? '') : values.join(', '));
}

/** The schema in full, for those who want it; nothing where it says nothing. */
function whole(schema: Schema): string {
  const text = JSON.stringify(schema, null, 2);
  return text === '{}'
    ? ''
    : `<details class="schema"><summary>JSON schema</summary><pre>${inHtml(text)}</pre></details>`;
}

/** Text of ours, in which `code` is marked as in the documents. */
function prose(text: string): string {
  return inHtml(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

function inHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** The colours of the live page. */
const STYLE = `
:root { color-scheme: dark light; --ground: #16130f; --panel: #201c18; --edge: #3a332c; --ink: #f5efe8; --quiet: #b5a99c; --mark: #f5a04a; }
@media (prefers-color-scheme: light) { :root { --ground: #f7f4ef; --panel: #fff; --edge: #ddd4c8; --ink: #221d18; --quiet: #6a6057; --mark: #a8560b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 20px 16px 60px; }
h1 { font-size: 26px; margin: 0; }
h2 { font-size: 14px; margin: 16px 0 6px; color: var(--quiet); }
a { color: inherit; }
.small { color: var(--quiet); font-size: 13px; }
main > details { margin: 10px 0; padding: 10px 14px; border: 1px solid var(--edge); border-radius: 10px; background: var(--panel); }
summary { cursor: pointer; overflow-wrap: anywhere; }
.method { display: inline-block; min-width: 4.5em; font-weight: 650; color: var(--mark); }
.role { margin-left: 8px; padding: 1px 8px; border: 1px solid var(--edge); border-radius: 999px; font-size: 12px; color: var(--quiet); }
.says { display: block; margin-top: 4px; color: var(--quiet); }
code, pre { font: 13px/1.4 ui-monospace, 'Cascadia Mono', Menlo, monospace; }
pre { margin: 0; padding: 10px; overflow-x: auto; border-radius: 8px; background: var(--ground); white-space: pre-wrap; overflow-wrap: anywhere; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 6px 10px 6px 0; border-top: 1px solid var(--edge); text-align: left; vertical-align: top; font-weight: 400; overflow-wrap: break-word; }
.schema summary { color: var(--quiet); font-size: 13px; }
`;
