import { closest } from '#libs/contracts';
import { withoutRepeats, type VariableGroup } from './help.js';
import type { Environment } from './read-config.js';

/** Letters that two names may differ in and still be taken for one another. */
const MOST_LETTERS = 2;
/** Shorter names resemble too many others. */
const SHORTEST = 6;
/** What Kubernetes sets for every service beside this one: `ROUTER_SERVICE_HOST`, `ROUTER_PORT_8080_TCP_ADDR`. */
const SET_BY_KUBERNETES = /_SERVICE_(HOST|PORT)|_PORT_\d+_/;

/**
 * Variables of the environment that nobody reads, though one of nearly the same name is read: a misspelt setting would be passed over without
 * a word. Each as a sentence that names the variable meant.
 * @param groups the variables that are read.
 */
export function misspeltVariables(groups: readonly VariableGroup[], environment: Environment): readonly string[] {
  const known = withoutRepeats(groups).flatMap(({ variables }) => Object.keys(variables));
  return Object.keys(environment)
    .filter((name) => name.length >= SHORTEST && !known.includes(name) && !SET_BY_KUBERNETES.test(name))
    .flatMap((name) => {
      const [nearest] = closest(name, known, 1, MOST_LETTERS);
      return nearest === undefined ? [] : [`nothing reads the variable ${name}; did you mean ${nearest}?`];
    })
    .sort();
}
