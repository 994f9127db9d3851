import { ask } from './session.js';

const AGAIN_AFTER_MS = 3_000;

/**
 * Follows a stream of Server-Sent Events, over and over. The browser's own EventSource sends no token.
 * @param on `summary` is called with each event's data; `lost` when the stream has ended, and says whether to go on
 */
export async function followEvents(address, on) {
  for (;;) {
    const refused = await followOnce(address, on.summary);
    if (!(await on.lost(refused))) return;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_AFTER_MS));
  }
}

/** @returns the answer that was no stream, or null */
async function followOnce(address, onEvent) {
  try {
    const answer = await ask(address, { headers: { accept: 'text/event-stream' } });
    if (!answer.ok) return answer;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return null;
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) tell(block, onEvent);
    }
  } catch {
    return null;
  }
}

function tell(block, onEvent) {
  const data = block
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
  if (data !== '') onEvent(data);
}
