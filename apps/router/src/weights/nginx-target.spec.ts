import { expect, it } from 'vitest';
import { parseUpstream } from '../routing/upstream.js';
import { NginxTarget } from './nginx-target.js';
import { baselineSplit, UnservableError } from './split.js';

const nginx = new NginxTarget({
  service: 'text-to-image',
  file: '/nowhere/teststrip.conf',
  probe: '127.0.0.1:8189',
  leaseMs: 60_000,
  unitHeaders: { user: 'x-user', session: 'x-session' },
});
const plan = (url: string) => nginx.planOf(baselineSplit('text-to-image', 1, parseUpstream(url)), 0);

it.each(['http://sdxl:8000', 'https://sdxl-fp16.models.svc', 'http://127.0.0.1:8000/', 'http://[::1]:8000'])(
  'serves from %s',
  (url) => expect(plan(url).key).toMatch(/^1 /),
);

it.each([
  'http://sdxl:8000/?$http_cookie',
  'http://sdxl:8000/?$nobody',
  'http://sdxl:8000/?";}server{}',
  'http://$http_authorization@sdxl:8000',
  'http://sdxl:8000/#$request_body',
  'http://sdxl:8000\\?$http_cookie',
])('serves from no address that nginx would read as its own language: %s', (url) => {
  expect(() => plan(url)).toThrow(UnservableError);
});
