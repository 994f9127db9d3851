import { expect, it } from 'vitest';
import { examples } from '#libs/contracts';
import { runningCanary } from '#libs/testing/traffic';
import { refuseOtherHosts } from './upstream-hosts.js';

const variant = (upstream: string) => ({
  upstream,
  config: { checkpoint: 'c', sampler: 's', steps: 1, precision: 'fp16' },
});

it('lets nothing lead to a host that is not on the list, and everything anywhere without one', () => {
  const baseline = { upstream: 'http://sdxl:8000/', fingerprint: 'a' };
  const variants = { control: variant('http://sdxl:8000/'), candidate: variant('http://evil:8000/') };
  const [definition, order] = runningCanary(10_000, { spec: { variants }, order: { baseline } });
  const service = examples.find(({ type }) => type === 'service.defined.v1')!;
  const hosts = ['sdxl:8000'];
  expect(() => refuseOtherHosts(definition, hosts)).toThrow('none of sdxl:8000 (UPSTREAM_HOSTS)');
  expect(() => refuseOtherHosts(definition, [...hosts, 'evil:8000'])).not.toThrow();
  expect(() => refuseOtherHosts(order, hosts)).not.toThrow();
  expect(() => refuseOtherHosts(order, ['evil:8000'])).toThrow('UPSTREAM_HOSTS');
  expect(() => refuseOtherHosts(service, hosts)).toThrow('UPSTREAM_HOSTS');
  for (const event of [definition, order, service]) expect(() => refuseOtherHosts(event, undefined)).not.toThrow();
});
