import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readConfig } from './read-config.js';
import { commonVariables, documented, variables } from './variables.js';

const shape = {
  ...commonVariables,
  SHARE: documented(variables.number.min(0).max(1).default(1), 'A share.'),
  PORT: documented(variables.port.default(0), 'A port.'),
  LIMIT: documented(variables.integer.min(1).optional(), 'A limit.'),
  UPSTREAM: documented(variables.url.optional(), 'An address.'),
  WITHOUT: documented(variables.list.pipe(z.array(z.enum(['scorer']))).default([]), 'Names.'),
  PASSWORD: documented(z.string().min(16, 'expected at least 16 characters').optional(), 'A secret.', { secret: true }),
};

describe('a wrong variable', () => {
  it.each([
    ['SHARE', '2', 'SHARE=2: expected a number from 0 to 1'],
    ['SHARE', 'many', 'SHARE=many: expected a number from 0 to 1'],
    ['PARTITIONS', '-1', 'PARTITIONS=-1: expected a whole number from 1 to 512'],
    ['PARTITIONS', '1.5', 'PARTITIONS=1.5: expected a whole number from 1 to 512'],
    ['PORT', '70000', 'PORT=70000: expected a whole number from 0 to 65535'],
    ['LIMIT', '0', 'LIMIT=0: expected a whole number of at least 1'],
    ['BUS', 'rabbit', 'BUS=rabbit: expected postgres, kafka or memory'],
    ['END_WITH_PARENT', 'yes', 'END_WITH_PARENT=yes: expected 0, 1, true or false'],
    ['UPSTREAM', 'sdxl', 'UPSTREAM=sdxl: expected a URL, such as http://127.0.0.1:8000'],
    ['WITHOUT', 'scorer,foo', 'WITHOUT=foo: expected scorer'],
    ['DATA_DIR', 'package.json', 'DATA_DIR=package.json: expected a folder; this is a file'],
    ['PASSWORD', 'short', 'PASSWORD=(hidden): expected at least 16 characters'],
  ])('%s=%s is named with what was expected', (name, value, problem) => {
    expect(() => readConfig(shape, { [name]: value })).toThrow(
      expect.objectContaining({ problems: [problem] }) as Error,
    );
  });
});
