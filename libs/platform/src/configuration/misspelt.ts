import { closest } from '#libs/contracts';
import { withoutRepeats, type VariableGroup } from './help.js';
import type { Environment } from './read-config.js';

/** Letters that two names may differ in and still be taken for one another. */
const MOST_LETTERS = 2;
/** Shorter names resemble too many others. */
const SHORTEST = 6;
/** What Kubernetes sets for every service beside this one: `ROUTER_SERVICE_HOST`, `ROUTER_PORT_8080_TCP_ADDR`. */
const SET_BY_KUBERNETES = /_SERVICE_(HOST|PORT)|_PORT_\d+_/;
/** Units that people put at the end of a name, ours and others. */
const UNIT =
  /_(MS|MSEC|MILLIS|MILLISECONDS|S|SEC|SECS|SECONDS|M|MIN|MINS|MINUTES|H|HOURS|D|DAYS|BYTES|KB|KIB|MB|MIB|GB|GIB|PIXELS)$/;
/** A name of fewer words begins too many others. */
const LEAST_WORDS = 2;

/**
 * Variables of the environment that nobody reads, though one of nearly the same name is read: a misspelt setting would be passed over without
 * a word. Nearly the same are names that differ in a letter or two, in their unit, or by the words that are missing at the end
 * (`ROUTER_UPSTREAM_TIMEOUT`, `RECORDER_KEEP_HOURS`), and names with the product or a service before them (`TESTSTRIP_HOST`, `ROUTER_LOG_LEVEL`).
 * Each as a sentence that names the variables meant.
 * @param groups the variables that are read.
 */
export function misspeltVariables(groups: readonly VariableGroup[], environment: Environment): readonly string[] {
  const known = withoutRepeats(groups).flatMap(({ variables }) => Object.keys(variables));
  return Object.keys(environment)
    .filter((name) => !known.includes(name) && !SET_BY_KUBERNETES.test(name))
    .flatMap((name) => {
      const meant = meantBy(name, known);
      return meant.length === 0 ? [] : [`nothing reads the variable ${name}; did you mean ${meant.join(' or ')}?`];
    })
    .sort();
}

function meantBy(name: string, known: readonly string[]): readonly string[] {
  const nearest = name.length < SHORTEST ? [] : closest(name, known, 1, MOST_LETTERS);
  const written = name.toUpperCase();
  const ways: readonly (() => readonly string[])[] = [
    () => known.filter((one) => withoutUnit(one) === withoutUnit(written)),
    () => nearest,
    () => (written.split('_').length < LEAST_WORDS ? [] : known.filter((one) => one.startsWith(`${written}_`))),
    () => known.filter((one) => prefixesOf(known).some((prefix) => written === `${prefix}_${one}`)),
  ];
  for (const way of ways) {
    const found = way();
    if (found.length > 0) return found;
  }
  return [];
}

function withoutUnit(name: string): string {
  return name.replace(UNIT, '');
}

/** The product, and the services that have a port of their own. */
function prefixesOf(known: readonly string[]): readonly string[] {
  return ['TESTSTRIP', ...known.flatMap((name) => /^([A-Z]+)_PORT$/.exec(name)?.[1] ?? [])];
}
