/** What the threads of threads-program.ts run: does what its first message says. */

import { onUncaught } from "../../src/runtime/process.ts";
import { thisThread } from "../../src/runtime/threads.ts";

const { boot, clock, post } = await thisThread((message) => {
  if (message === "throw") setTimeout(() => thrown());
  else if (message === "reject") void Promise.reject(new Error("for a test"));
  else if (message === "end") process.exit(3);
  else if (message === "spin") for (;;);
  else if (message === "guard") onUncaught((kind) => post(kind));
  else post([message, boot, clock.nowMs()]);
});

function thrown(): never {
  throw new TypeError("for a test");
}
