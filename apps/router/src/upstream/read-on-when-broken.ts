import type { Socket } from 'node:net';

/** How long a connection that can't be written any more is still read. */
const READ_ON_MS = 500;
/** The other end reads no more. */
const BROKEN = new Set(['EPIPE', 'ECONNRESET']);

type Write = Socket['_write'];
type Written = Parameters<Write>[2];

/**
 * Who answers an upload before its end (413, say) often closes the connection with it: the next piece then can't be written while the answer waits to
 * be read. From now on such a connection is read to its end first, so that the answer is not lost.
 */
export function readOnWhenBroken(socket: Socket): void {
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
