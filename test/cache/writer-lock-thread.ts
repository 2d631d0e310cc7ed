/** The other thread of writer-lock.test.ts: has the lock for a millisecond, again and again. */

import { WriterLock } from "../../src/cache/writer-lock.ts";

const stay = (forMs: number) => {
  const began = performance.now();
  while (performance.now() < began + forMs);
};

addEventListener(
  "message",
  ({ data: { memory, times } }: MessageEvent<{ memory: SharedArrayBuffer; times: number }>) => {
    const lock = new WriterLock(new Int32Array(memory), 1);
    for (let i = 0; i < times; i++) {
      if (!lock.acquire(true)) continue;
      stay(1);
      lock.release();
      stay(0.5);
    }
    postMessage("done");
  },
);
