import { describe, expect, it } from 'vitest';
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { processorMsOf } from '#libs/testing/processor-time';
import { areEarlyLinks } from './early-link.js';

/** Links, and texts that are none. */
const LINKS = [
  '</a.css>; rel=preload; as=style',
  '</a.css>;rel="preload" ; as="style"',
  '<>',
  '</a>; crossorigin',
  '</a>; a==',
  '</a>; a="b=c"',
  '</a>; a==""',
];
const NONE = [
  '',
  '/a.css',
  '</a',
  '</a>;',
  '</a>; rel="pre load"',
  '</a>; a"b"',
  '</a>; ="b"',
  '</a>; a="b',
  '</a>, </b>',
];

describe('links of early hints', () => {
  it('are those that Node.js’s server takes', async () => {
    const isTaken = await takenByNode([...LINKS, ...NONE]);
    expect(isTaken).toEqual([...LINKS.map(() => true), ...NONE.map(() => false)]);
    expect([...LINKS, ...NONE].map((link) => areEarlyLinks(link))).toEqual(isTaken);
    expect([areEarlyLinks(LINKS), areEarlyLinks([...LINKS, '</a']), areEarlyLinks([])]).toEqual([true, false, false]);
  });

  it.each([
    ['parameters that are no words', `<>;x${'=;>'.repeat(30_000)}"`],
    ['parameters', `</a>${';a=a=a'.repeat(15_000)}"`],
    ['blanks', `</a>${' '.repeat(100_000)}!`],
    ['signs of equality', `</a>;a${'='.repeat(100_000)}"`],
  ])('that are none are told at once, of many %s', (_what, link) => {
    expect(areEarlyLinks(link)).toBe(false);
    expect(processorMsOf(() => areEarlyLinks(link))).toBeLessThan(50);
  });
});

/** Which of these Node.js's server sends as hints. */
async function takenByNode(links: readonly string[]): Promise<readonly boolean[]> {
  const taken: boolean[] = [];
  const server = createServer((_request, response) => {
    for (const link of links) {
      try {
        response.writeEarlyHints({ link: [link] });
        taken.push(true);
      } catch {
        taken.push(false);
      }
    }
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await new Promise((resolve) =>
    get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1' }, (answer) =>
      answer.resume().on('end', resolve),
    ),
  );
  await new Promise((resolve) => server.close(resolve));
  return taken;
}
