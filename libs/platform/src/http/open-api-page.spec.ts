import { expect, it } from 'vitest';
import { z } from 'zod';
import { jsonBody, openApiOf, type ApiDescription } from './open-api.js';
import { exampleCommand, exampleRequest } from './open-api-example.js';
import { openApiPage, openApiPagePolicy } from './open-api-page.js';

const body = z
  .strictObject({
    reason: z.string().meta({ examples: ["it's time"] }),
    share: z.int().min(3),
    kind: z.enum(['canary', 'ab']),
    note: z.string().optional(),
  })
  .meta({ id: 'Going' });
const api: ApiDescription = {
  title: 'A <b>title</b>',
  description: 'With `code` & more.',
  paths: {
    '/v1/things/{key}/go': {
      post: {
        operationId: 'go',
        'x-role': 'operator',
        summary: 'Goes <script>alert(1)</script>.',
        parameters: [{ name: 'key', in: 'path', required: true, schema: { type: 'string' } }],
        requestBody: jsonBody(body),
        responses: { 200: { description: 'Gone.' } },
      },
    },
  },
};

it('an example sends the least that a route takes, so that a shell takes it as it is', () => {
  const request = exampleRequest('post', '/v1/things/{key}/go', api.paths['/v1/things/{key}/go']!['post']!);
  expect(body.parse(JSON.parse(request.body!.text))).toEqual({ reason: "it's time", share: 3, kind: 'canary' });
  expect(exampleCommand(request, true)).toBe(
    `curl -X POST -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '{"reason":"it'\\''s time","share":3,"kind":"canary"}' "$URL/v1/things/cheaper-sampler/go"`,
  );
});

it('the page shows every route, and nothing of a description becomes markup', () => {
  const page = openApiPage(api);
  for (const path of ['/v1/things/{key}/go', '/health/ready', '/openapi.json']) expect(page).toContain(path);
  expect(page).not.toContain('<script');
  expect(page).not.toContain('<b>');
  expect(page).toContain('With <code>code</code> &amp; more.');
  expect(openApiPagePolicy()).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/]+=*';/);
});

it('names of schemas mean something in the whole document', () => {
  const document = openApiOf(api) as {
    readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  };
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to as string);
  expect(references).toContain('#/components/schemas/Going');
  for (const to of references) expect(document.components.schemas).toHaveProperty([to.split('/').at(-1) as string]);
  expect(JSON.stringify(document)).not.toContain('$defs');
});
