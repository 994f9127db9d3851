/** The compiled command line's parts: what these tests start are the compiled apps, as users do. */
export async function compiledCli(): Promise<typeof import('#apps/cli')> {
  return (await import(
    new URL('../../dist/apps/cli/src/index.js', import.meta.url).href
  )) as typeof import('#apps/cli');
}
