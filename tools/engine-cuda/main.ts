/**
 * Puts onnxruntime's CUDA provider beside onnxruntime-node, so that SCORER_ENGINE=onnx-cuda computes on an NVIDIA GPU:
 *
 *   npm run engine:cuda                    fetches PyPI's onnxruntime-gpu of the same version with pip (about 250 MB)
 *   npm run engine:cuda -- --wheel FILE    takes a wheel that is here already
 *
 * It needs CUDA 13 (cudart, cublas, curand) and cuDNN 9 where the system's loader finds them; what is missing is said at the end.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';

const PROVIDERS = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const;

if (process.platform !== 'linux' || process.arch !== 'x64') {
  fail(`the CUDA provider is for Linux on x64, this is ${process.platform} on ${process.arch}`);
}
const { values } = parseArgs({ options: { wheel: { type: 'string' } } });
const root = join(dirname(createRequire(import.meta.url).resolve('onnxruntime-node')), '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { readonly version: string };
const folder = mkdtempSync(join(tmpdir(), 'teststrip-cuda-'));
try {
  const wheel = values.wheel ?? download(folder, version);
  if (!wheel.includes(`onnxruntime_gpu-${version}-`)) {
    fail(`${wheel} is another version, expected onnxruntime_gpu-${version}: that of onnxruntime-node`);
  }
  python('-m', 'zipfile', '-e', wheel, folder);
  const target = join(root, 'bin', 'napi-v6', 'linux', 'x64');
  for (const name of PROVIDERS) copyFileSync(join(folder, 'onnxruntime', 'capi', name), join(target, name));
  console.log(`The CUDA provider of onnxruntime ${version} is in ${target}.`);
  const missing = missingLibraries(join(target, PROVIDERS[1]));
  console.log(
    missing.length === 0
      ? 'All libraries that it needs are found. SCORER_ENGINE=onnx-cuda asks for it, auto tries it first.'
      : `Not found by the system's loader: ${missing.join(', ')}. They come with CUDA 13 and cuDNN 9; LD_LIBRARY_PATH may say where they are.`,
  );
} finally {
  rmSync(folder, { recursive: true });
}

/** With pip, the registry's ordinary client: it knows the machine's index, proxy and certificates, and shows its progress. */
function download(to: string, wanted: string): string {
  const choice = [
    '--no-deps',
    '--only-binary=:all:',
    '--platform',
    'manylinux_2_28_x86_64',
    '--python-version',
    '3.12',
  ];
  python('-m', 'pip', 'download', ...choice, '--dest', to, `onnxruntime-gpu==${wanted}`);
  const wheel = readdirSync(to).find((name) => name.endsWith('.whl'));
  return wheel === undefined ? fail('pip fetched no wheel') : join(to, wheel);
}

function python(...words: readonly string[]): void {
  try {
    execFileSync('python3', words, { stdio: 'inherit' });
  } catch (error) {
    fail(`python3 ${words.slice(0, 3).join(' ')} failed (${(error as Error).message}); it needs Python 3 with pip`);
  }
}

function missingLibraries(library: string): readonly string[] {
  const listed = execFileSync('ldd', [library], { encoding: 'utf8' });
  return [...listed.matchAll(/^\s*(\S+) => not found$/gm)].map((match) => match[1]!);
}

function fail(reason: string): never {
  console.error(`engine:cuda: ${reason}`);
  process.exit(1);
}
