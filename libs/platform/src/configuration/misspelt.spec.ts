import { describe, expect, it } from 'vitest';
import { misspeltVariables } from './misspelt.js';
import { commonVariables, documented, variables } from './variables.js';

const groups = [
  { title: 'The router', variables: { ROUTER_PORT: documented(variables.port.default(8080), 'Port of the router.') } },
  { title: 'Every app', variables: commonVariables },
];

describe('a variable that nobody reads', () => {
  it.each([
    ['ROUTER_PROT', 'ROUTER_PORT'],
    ['PARTITION', 'PARTITIONS'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['Database_Url', 'DATABASE_URL'],
  ])('%s is told with the one that was meant', (name, meant) => {
    expect(misspeltVariables(groups, { [name]: 'x' })).toEqual([
      `nothing reads the variable ${name}; did you mean ${meant}?`,
    ]);
  });

  it.each(['ROUTER_PORT', 'ROUTER_PORT_8080_TCP_PORT', 'ROUTER_SERVICE_PORT', 'PATH', 'BUSES', 'EDITOR', 'HOSTNAME'])(
    '%s is nobody’s mistake',
    (name) => {
      expect(misspeltVariables(groups, { [name]: 'x' })).toEqual([]);
    },
  );
});
