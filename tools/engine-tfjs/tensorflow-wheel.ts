import { mkdir, readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { BuildError, runStep } from './commands.js';

/** With a C API that tfjs-node 4.22 was seen to work with; its GPU build wants CUDA 12.5 or newer and cuDNN 9.3 or newer. */
const TENSORFLOW = '2.21.0';
/** Any of the Pythons that it was built for: the libraries inside are the same. */
const PYTHON = '3.12';
const PLATFORMS: Readonly<Record<string, readonly string[]>> = {
  x64: ['manylinux_2_27_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64', 'manylinux_2_28_x86_64'],
  arm64: ['manylinux_2_27_aarch64', 'manylinux_2_17_aarch64', 'manylinux2014_aarch64', 'manylinux_2_28_aarch64'],
};

/** Takes libraries and headers out of a wheel, as they lie in it, and lists its CUDA packages. The other 600 MB are for Python. */
const UNPACK = `
import sys, zipfile
wheel, folder, requirements = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    names = [n for n in archive.namelist() if n.startswith("tensorflow/libtensorflow") or n.startswith("tensorflow/include/")]
    if not any(n.startswith("tensorflow/libtensorflow_cc") for n in names):
        sys.exit(f"{wheel} has no tensorflow/libtensorflow_cc.so.2")
    for at, name in enumerate(names):
        archive.extract(name, folder)
        if at % 2000 == 0: print(f"  unpacked {at} of {len(names)} files", flush=True)
    metadata = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
with open(requirements, "w") as file:
    for line in lines:
        if line.startswith("Requires-Dist: ") and "and-cuda" in line: print(line[15:].split(";")[0].strip(), file=file)
`;

export interface WheelOptions {
  /** Folder that gets `site/tensorflow` and, for a GPU, `site/nvidia` beside it, where TensorFlow looks for it. */
  readonly into: string;
  readonly gpu: boolean;
  /** A wheel that is here already; else pip downloads one. */
  readonly wheel: string | undefined;
}

/** Puts TensorFlow's libraries and headers into a folder. @throws BuildError */
export async function unpackTensorFlow(python: string, { into, gpu, wheel }: WheelOptions): Promise<void> {
  const downloads = join(into, 'downloads');
  const site = join(into, 'site');
  await mkdir(downloads);
  const file = wheel === undefined ? await download(python, gpu, downloads) : resolve(wheel);
  const requirements = join(downloads, 'cuda.txt');
  await runStep(python, ['-c', UNPACK, file, site, requirements]);
  if (gpu) await installCuda(python, requirements, site);
  await rm(downloads, { recursive: true });
}

async function download(python: string, gpu: boolean, folder: string): Promise<string> {
  const wanted = `${gpu ? 'tensorflow' : 'tensorflow-cpu'}==${TENSORFLOW}`;
  await runStep(python, ['-m', 'pip', 'download', '--no-deps', ...forHere(), '--dest', folder, wanted]);
  const wheel = (await readdir(folder)).find((name) => name.endsWith('.whl'));
  if (wheel === undefined) throw new BuildError(`pip downloaded no wheel of ${wanted} into ${folder}`);
  return join(folder, wheel);
}

/** CUDA's and cuDNN's libraries, in the versions that this TensorFlow names itself, beside it. */
async function installCuda(python: string, requirements: string, site: string): Promise<void> {
  const where = ['--no-deps', '--no-compile', '--target', site];
  await runStep(python, ['-m', 'pip', 'install', ...forHere(), ...where, '--requirement', requirements]);
}

/** pip's options for wheels of this machine, whatever Python runs it. @throws BuildError where there are none */
function forHere(): readonly string[] {
  const platforms = PLATFORMS[process.arch];
  if (platforms === undefined) throw new BuildError(`PyPI has no TensorFlow for Linux on ${process.arch}`);
  return [
    '--only-binary=:all:',
    '--implementation=cp',
    `--python-version=${PYTHON}`,
    ...platforms.map((platform) => `--platform=${platform}`),
  ];
}
