import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import type { Extent } from './run-cell.js';
import { runTask, type Task, type TaskResult } from './tasks.js';

interface Job {
  readonly task: Task;
  readonly extent: Extent;
}

/**
 * Runs the tasks on so many threads, in order of starting; results come in the order in which they are done. What a task gives
 * does not depend on the thread or on the number of threads.
 */
export async function runTasks(
  tasks: readonly Task[],
  extent: Extent,
  workers: number,
  onResult: (task: Task, result: TaskResult) => void,
): Promise<void> {
  const waiting = [...tasks];
  await Promise.all(
    Array.from({ length: Math.min(workers, tasks.length) }, async () => {
      const worker = new Worker(new URL(import.meta.url));
      try {
        for (let task = waiting.shift(); task; task = waiting.shift()) {
          onResult(task, await resultOf(worker, { task, extent }));
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
}

function resultOf(worker: Worker, job: Job): Promise<TaskResult> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (result: TaskResult) => {
      worker.off('error', reject);
      resolve(result);
    });
    worker.postMessage(job, []);
  });
}

// The module is its own worker.
if (!isMainThread && parentPort) {
  const port = parentPort;
  port.on('message', ({ task, extent }: Job) => port.postMessage(runTask(task, extent)));
}
