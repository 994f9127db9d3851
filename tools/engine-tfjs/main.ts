/**
 * `npm run engine:tfjs [-- --gpu] [-- --wheel FILE]`: makes `@tensorflow/tfjs-node` (or `-gpu`) run on this machine.
 *
 * The package by itself fetches TensorFlow 2.9 from a server of its own, whose GPU build knows no card newer than Ampere. Its addon is two C++
 * files over TensorFlow's stable C API, though, which the wheels on PyPI contain with its headers: the addon is built against one of those.
 */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { chooseEngine } from '#libs/scoring';
import { BuildError, findProgram, runStep } from './commands.js';
import { compileAddon } from './compile-addon.js';
import { unpackTensorFlow } from './tensorflow-wheel.js';

const TFJS = '4.22.0';
/** What is unpacked, and as much again for what is on the way. */
const NEEDED_BYTES = { cpu: 2e9, gpu: 9e9 };

const { values } = parseArgs({ options: { gpu: { type: 'boolean', default: false }, wheel: { type: 'string' } } });
try {
  await build(values.gpu, values.wheel);
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

async function build(gpu: boolean, wheel: string | undefined): Promise<void> {
  const engine = gpu ? 'tfjs-node-gpu' : 'tfjs-node';
  if (process.platform !== 'linux') {
    throw new BuildError(`this builds on Linux only; elsewhere: npm install --no-save @tensorflow/${engine}@${TFJS}`);
  }
  const compiler = await findProgram(['c++', 'g++', 'clang++'], 'a C++ compiler, e.g. apt-get install g++');
  const python = await findProgram(['python3', 'python'], 'Python 3 with pip, which fetches TensorFlow from PyPI');
  if (wheel !== undefined && !existsSync(wheel))
    throw new BuildError(`${wheel} does not exist, expected a wheel of TensorFlow`);
  const folder = resolve('node_modules', '.teststrip', engine);
  const part = `${folder}.part`;
  await rm(part, { recursive: true, force: true });
  await mkdir(part, { recursive: true });
  try {
    await expectSpace(part, gpu ? NEEDED_BYTES.gpu : NEEDED_BYTES.cpu);
    say(`1 of 4: @tensorflow/${engine} ${TFJS} from npm, without its own TensorFlow`);
    await installPackage(part, engine);
    say('2 of 4: TensorFlow from PyPI');
    await unpackTensorFlow(python, { into: part, gpu, wheel });
    say('3 of 4: the addon');
    await compileAddon(compiler, part, join(part, 'node_modules', '@tensorflow', engine));
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
  } catch (error) {
    await rm(part, { recursive: true, force: true });
    throw error;
  }
  say('4 of 4: a product of two matrices');
  const { reason } = await chooseEngine(engine).catch((error: Error) => {
    throw new BuildError(`it was built in ${folder} and does not work: ${error.message}`);
  });
  say(`SCORER_ENGINE=${engine} works: ${reason}`);
}

/** The folder is a package of its own: what is installed there is in nobody's lock file, and `npm ci` takes it away with node_modules. */
async function installPackage(folder: string, engine: string): Promise<void> {
  await writeFile(join(folder, 'package.json'), JSON.stringify({ name: `teststrip-${engine}`, private: true }));
  const wanted = [`@tensorflow/${engine}@${TFJS}`, 'node-api-headers@1.9.0'];
  await runStep('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', ...wanted]);
}

async function expectSpace(folder: string, needed: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize < needed) {
    throw new BuildError(
      `${dirname(folder)} has ${((bavail * bsize) / 1e9).toFixed(1)} GB free, building needs ${needed / 1e9} GB`,
    );
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
