import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { whileGarbageIsCollected } from '#libs/testing/garbage';
import { askIssuer } from './issuer-description.js';

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

it.each([
  ['keys', undefined],
  ['tokens', new URLSearchParams({ code: 'a' })],
])('an issuer that begins to answer a question for %s and never ends is given up', async (_what, form) => {
  const issuer = createServer((_request, response) => response.write(' '));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  closing.push(
    () => issuer.close(),
    () => issuer.closeAllConnections(),
  );
  const url = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
  const asked = whileGarbageIsCollected(5_000, () => askIssuer(url, form));
  await expect(asked).rejects.toMatchObject({ name: 'TimeoutError' });
});
