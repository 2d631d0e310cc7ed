/** Threads that read and write one store at once, and what they saw. */

import type { ThreadOrder, ThreadReport } from "./store-thread.ts";

export interface ThreadsOrder {
  readonly memoryOctets: number;
  readonly readers: number;
  readonly writers: number;
  /** Of all threads together. */
  readonly operations: number;
}

/** Runs the threads to their end; returns the sums of what they report. */
export async function runThreads(order: ThreadsOrder): Promise<ThreadReport> {
  const memory = new SharedArrayBuffer(order.memoryOctets);
  const threads = order.readers + order.writers;
  const operations = Math.ceil(order.operations / threads);
  const reports = await Promise.all(
    Array.from({ length: threads }, (_, worker) =>
      report({ memory, worker, operations, writes: worker < order.writers }),
    ),
  );
  const sum = { operations: 0, hits: 0, misses: 0, overtaken: 0, torn: 0, stores: 0, refused: 0 };
  for (const one of reports) for (const name of Object.keys(sum) as (keyof ThreadReport)[]) sum[name] += one[name];
  return sum;
}

function report(order: ThreadOrder): Promise<ThreadReport> {
  return inThread<ThreadReport>(order);
}

/** Starts a thread and resolves to the first message it posts; to undefined if it ends without one. */
export function inThread<Result>(order: unknown): Promise<Result> {
  const thread = new Worker(new URL("./store-thread.ts", import.meta.url));
  return new Promise((resolve, reject) => {
    thread.onmessage = ({ data: result }) => {
      thread.terminate();
      resolve(result as Result);
    };
    thread.onerror = (event) => reject(new Error(event.message));
    thread.addEventListener("close", () => resolve(undefined as Result));
    thread.postMessage(order);
  });
}
