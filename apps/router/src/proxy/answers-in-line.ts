import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** On a client's connection: the answers that come after others. */
const IN_LINE = Symbol('answers in line');

interface ClientConnection extends Duplex {
  [IN_LINE]?: Set<ServerResponse>;
}

/**
 * Pipelined requests are answered in their order. Node.js tells the answer whose turn it is that the connection has closed, and none of those behind it: without
 * this they would go on for a client that has left, and keep its places for ever.
 */
export function closeWithConnection(connection: ClientConnection, response: ServerResponse): void {
  if (response.socket !== null) return;
  const line = connection[IN_LINE] ?? lineOf(connection);
  line.add(response);
  response.once('close', () => line.delete(response));
}

function lineOf(connection: ClientConnection): Set<ServerResponse> {
  const line = new Set<ServerResponse>();
  connection[IN_LINE] = line;
  connection.once('close', () => {
    for (const response of line) {
      // One that has had its turn is told by Node.js.
      if (response.socket !== null || response.writableFinished) continue;
      response.destroy();
      response.emit('close');
    }
  });
  return line;
}
