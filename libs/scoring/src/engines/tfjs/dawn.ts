/** Part of WebGPU that is used here: TypeScript knows it only with a browser's types. */
interface GpuAdapter {
  readonly info: { readonly vendor: string; readonly architecture: string; readonly description?: string };
}
interface Gpu {
  requestAdapter(options?: object): Promise<GpuAdapter | null>;
}
interface Dawn {
  readonly globals: object;
  create(options: readonly string[]): Gpu;
}

/**
 * Makes `navigator.gpu` of Dawn, the WebGPU of Chromium, in this thread, as TensorFlow.js looks for it in a browser.
 *
 * @param dawn the npm package `webgpu`, loaded
 * @returns the adapter in words, and how to take it all away again: Dawn crashes the process when it is still there at its end
 * @throws Error when there is no GPU to be had, with what may be missing
 */
export async function defineNavigatorGpu(dawn: Dawn): Promise<{ readonly adapter: string; remove(): void }> {
  Object.assign(globalThis, dawn.globals);
  const gpu = dawn.create([]);
  // TensorFlow.js asks again by itself, for the fastest one as here.
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) {
    throw new Error(
      'Dawn finds no GPU: expected a Vulkan driver and libvulkan1 (Linux), Metal or Direct3D 12; VK_DRIVER_FILES may name the driver',
    );
  }
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  // Without one of a browser's globals TensorFlow.js does not look for a GPU at all.
  Object.defineProperty(globalThis, 'WorkerGlobalScope', { value: class {}, configurable: true });
  const { vendor, architecture, description } = adapter.info;
  return {
    adapter: [vendor, architecture, description].filter(Boolean).join(' '),
    remove: () => {
      Reflect.deleteProperty(globalThis, 'navigator');
    },
  };
}
