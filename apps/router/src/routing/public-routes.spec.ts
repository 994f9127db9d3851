import { describe, expect, it } from 'vitest';
import type { AllocationCommanded, ServiceDefined } from '#libs/contracts';
import { PublicRoutes, routesInForce, type OwnedRoute } from './public-routes.js';

const order = (service: string, epoch: number, path?: string): AllocationCommanded =>
  ({ service, epoch, baseline: path === undefined ? {} : { route: { path } } }) as AllocationCommanded;
const defined = (service: string, epoch: number, path?: string): ServiceDefined =>
  ({ service, epoch, baseline: path === undefined ? {} : { route: { path } } }) as ServiceDefined;

describe('a public path', () => {
  const routes = new PublicRoutes([
    { service: 'images', path: '/v1/images' },
    { service: 'edits', path: '/v1/images/edits' },
    { service: 'rest', path: '/' },
    { service: 'hosted', host: 'images.example.com', path: '/' },
  ]);
  it.each([
    ['/v1/images', 'images'],
    ['/v1/images?n=1', 'images'],
    ['/v1/images/generations', 'images'],
    ['/v1/images/edits/7', 'edits'],
    ['/v1/imagesque', 'rest'],
    ['/', 'rest'],
  ])('%s belongs to the longest route that it is under: %s', (path, service) => {
    expect(routes.find('localhost:8080', path)?.service).toBe(service);
    expect(routes.find(undefined, path)?.service).toBe(service);
  });

  it('belongs to the route of its host first', () => {
    expect(routes.find('Images.Example.com:443', '/v1/images')?.service).toBe('hosted');
    expect(new PublicRoutes([{ service: 'six', host: '[::1]', path: '/' }]).find('[::1]', '/')?.service).toBe('six');
  });

  it('belongs to nobody where there is none', () => {
    expect(new PublicRoutes([{ service: 'images', path: '/v1/images' }]).find('x', '/v1')).toBeUndefined();
  });
});

describe('the routes in force', () => {
  const configured: readonly OwnedRoute[] = [
    { service: 'images', path: '/configured' },
    { service: 'upscale', path: '/v1/upscale' },
  ];
  it('are those of the newest order or baseline of each service, and of the configuration where none is known', () => {
    const routes = routesInForce({
      commands: [order('images', 3, '/old'), order('plain', 2)],
      services: [defined('images', 4, '/new'), defined('plain', 1, '/taken-away')],
      configured,
    });
    expect(routes.map(({ service, path }) => [service, path])).toEqual([
      ['images', '/new'],
      ['upscale', '/v1/upscale'],
    ]);
  });

  it('have one owner each, the same at every router', () => {
    const [b, a] = [order('b', 1, '/v1/images'), order('a', 2, '/v1/images')];
    for (const commands of [
      [a, b],
      [b, a],
    ]) {
      expect(routesInForce({ commands, services: [], configured: [] })).toEqual([{ service: 'a', path: '/v1/images' }]);
    }
  });
});
