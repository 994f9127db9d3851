import type { Socket } from 'node:net';
import { buildConnector } from 'undici';

/** How long a connection that can't be written any more is still read. */
const READ_ON_MS = 500;
/** The other end reads no more. */
const BROKEN = new Set(['EPIPE', 'ECONNRESET']);

type Write = Socket['_write'];
type Written = Parameters<Write>[2];

/**
 * Connects to upstreams. Who answers an upload before its end (413, say) often closes the connection with it: the next piece then can't be written
 * while the answer waits to be read. Such a connection is read to its end first, so that the answer is not lost.
 */
export function connectorOf(timeoutMs: number): buildConnector.connector {
  const connect = buildConnector({ timeout: timeoutMs });
  return (options, callback) =>
    connect(options, (...connected) => {
      const [, socket] = connected;
      if (socket) readOnWhenBroken(socket);
      callback(...connected);
    });
}

function readOnWhenBroken(socket: Socket): void {
  const write = socket._write.bind(socket);
  socket._write = (chunk, encoding, written) => write(chunk, encoding, later(written));
  const writeMany = socket._writev?.bind(socket);
  if (writeMany) socket._writev = (chunks, written) => writeMany(chunks, later(written));
}

function later(written: Written): Written {
  return (error) => {
    if (!BROKEN.has((error as NodeJS.ErrnoException | null | undefined)?.code ?? '')) return written(error);
    setTimeout(() => written(error), READ_ON_MS);
  };
}
