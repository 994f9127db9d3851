import { createServer } from 'node:net';

/** A port on 127.0.0.1 that nobody listens on now. */
export function freePort(): Promise<number> {
  return listenOn(0);
}

export function isFree(port: number): Promise<boolean> {
  return listenOn(port).then(
    () => true,
    () => false,
  );
}

function listenOn(port: number): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(port, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolvePort(typeof address === 'object' && address ? address.port : port));
    });
  });
}
