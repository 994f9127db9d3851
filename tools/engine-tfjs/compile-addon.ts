import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runStep } from './commands.js';

/** The newest version of Node-API that the package asks for; every Node since 18 has it. */
const NODE_API = 8;

/** Compiles the addon of an installed `@tensorflow/tfjs-node(-gpu)` against the TensorFlow in `site` of the same folder. @throws BuildError */
export async function compileAddon(compiler: string, folder: string, packageFolder: string): Promise<void> {
  const output = join(packageFolder, 'lib', `napi-v${NODE_API}`);
  const tensorflow = join(folder, 'site', 'tensorflow');
  const headers = join(folder, 'node_modules', 'node-api-headers', 'include');
  await mkdir(output, { recursive: true });
  const flags = [
    '-O2',
    '-shared',
    '-fPIC',
    '-std=c++17',
    `-DNAPI_VERSION=${NODE_API}`,
    '-DNODE_GYP_MODULE_NAME=tfjs_binding',
  ];
  const includes = [headers, packageFolder, join(packageFolder, '..'), join(tensorflow, 'include')];
  const sources = ['tfjs_backend.cc', 'tfjs_binding.cc'].map((name) => join(packageFolder, 'binding', name));
  // From lib/napi-v8 of the package back to the folder: it may be moved as a whole.
  const runPath = '-Wl,-rpath,$ORIGIN/../../../../../site/tensorflow';
  const libraries = [`-L${tensorflow}`, '-l:libtensorflow_cc.so.2', '-l:libtensorflow_framework.so.2', runPath];
  const result = ['-o', join(output, 'tfjs_binding.node')];
  await runStep(compiler, [...flags, ...includes.map((path) => `-I${path}`), ...sources, ...libraries, ...result]);
}
