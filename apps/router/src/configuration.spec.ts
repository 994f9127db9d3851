import { expect, it } from 'vitest';
import { z } from 'zod';
import { routerSettings, routerVariables } from './configuration.js';

it.each([
  [
    'SDXL_Base=http://sdxl:8000',
    '"SDXL_Base": expected lower-case letters, digits and dashes as the name of a service',
  ],
  [
    'sdxl=http://user:hidden-word@sdxl:8000',
    'the upstream of sdxl: expected http://host:port, without a user or password',
  ],
  ['sdxl=sdxl:8000', 'the upstream of sdxl: expected http://host:port'],
])('an upstream that can not be one is refused at the start, without what it may hide: %s', (text, message) => {
  const read = routerVariables.ROUTER_UPSTREAMS.safeParse(text);
  expect(read.error?.message).toContain(JSON.stringify(message).slice(1, -1));
  expect(read.error?.message).not.toContain('hidden-word');
});

it('upstreams are read by service', () => {
  const read = routerVariables.ROUTER_UPSTREAMS.parse('sdxl=http://sdxl:8000,up-scale=https://esrgan');
  expect(read).toEqual({ sdxl: 'http://sdxl:8000', 'up-scale': 'https://esrgan' });
});

it('routes are read with their services, and a wrong one is refused with what was expected', () => {
  const read = routerVariables.ROUTER_ROUTES.parse('sdxl=/v1/images/,up-scale=Images.example.com/');
  expect(read).toEqual([
    { service: 'sdxl', path: '/v1/images' },
    { service: 'up-scale', host: 'images.example.com', path: '/' },
  ]);
  for (const wrong of ['sdxl', 'sdxl=v1', 'SDXL=/x', 'sdxl=/v1/../x', 'sdxl=/health', 'sdxl=/v1/services/x']) {
    const { error } = routerVariables.ROUTER_ROUTES.safeParse(wrong);
    expect(error?.message, wrong).toContain('expected service=/path or service=host/path');
  }
});

it('trusted proxies are addresses and ranges', () => {
  const read = routerVariables.ROUTER_TRUSTED_PROXIES.parse('10.0.0.0/8,::1');
  expect(read).toEqual([
    { address: '10.0.0.0', bits: 8 },
    { address: '::1', bits: 128 },
  ]);
  for (const wrong of ['proxy', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', '::1/129']) {
    const { error } = routerVariables.ROUTER_TRUSTED_PROXIES.safeParse(wrong);
    expect(error?.message, wrong).toContain('expected an address or a range');
  }
});

it('routers on any free port of one host share neither name nor file; one with a port keeps its own', () => {
  const [one, another] = [settingsAt('0'), settingsAt('0')];
  expect(one.routerId).not.toBe(another.routerId);
  expect(one.lastKnownGoodFile).not.toBe(another.lastKnownGoodFile);
  expect(settingsAt('8080').routerId).toBe(settingsAt('8080').routerId);
});

function settingsAt(ROUTER_PORT: string) {
  return routerSettings({ ...z.object(routerVariables).parse({ ROUTER_PORT }), HOST: '127.0.0.1' });
}

it('proxies can name units only where there are any', () => {
  const config = z.object(routerVariables).parse({ ROUTER_UNITS_NAMED_BY: 'proxies' });
  expect(() => routerSettings({ ...config, HOST: '127.0.0.1' })).toThrow(
    /ROUTER_UNITS_NAMED_BY=proxies: .*ROUTER_TRUSTED_PROXIES/,
  );
  const trusted = z
    .object(routerVariables)
    .parse({ ROUTER_UNITS_NAMED_BY: 'proxies', ROUTER_TRUSTED_PROXIES: '10.0.0.0/8' });
  expect(routerSettings({ ...trusted, HOST: '127.0.0.1' })).toMatchObject({ unitsNamedBy: 'proxies' });
});
