import { expect, it } from 'vitest';
import { isListedHost } from './host-list.js';

it.each([
  ['http://sdxl:8000/v2', true],
  ['http://SDXL:8000/', true],
  ['http://sdxl/', false],
  ['http://sdxl:8001/', false],
  ['https://models.example.com/', true],
  ['https://models.example.com:443/', true],
  ['https://models.example.com:444/', false],
  ['https://a.gpu.example.com/', true],
  ['https://gpu.example.com/', false],
  ['https://evilgpu.example.com/', false],
  ['https://models.example.com.evil.example/', false],
  ['no address', false],
])('%s is on the list: %s', (url, isListed) => {
  expect(isListedHost(url, ['sdxl:8000', 'Models.example.com', '*.gpu.example.com'])).toBe(isListed);
});
