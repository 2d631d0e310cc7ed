/** Tries threads on whatever runtime runs it, and prints what happened as one JSON object a line. */

import { systemClock } from "../../src/runtime/clock.ts";
import { startThread, type Thread } from "../../src/runtime/threads.ts";

const entry = new URL("./threads-inside.ts", import.meta.url);
const shared = new Int32Array(new SharedArrayBuffer(4));

interface Trial {
  readonly thread: Thread;
  readonly messages: unknown[];
  readonly ended: Promise<string>;
  next(): Promise<unknown>;
}

function start(): Trial {
  const messages: unknown[] = [];
  let onMessage = () => {};
  let settle: (cause: string) => void;
  const ended = new Promise<string>((resolve) => {
    settle = resolve;
  });
  const thread = startThread({
    name: "fdns-trial",
    boot: { shared },
    entry,
    onMessage: (message) => {
      messages.push(message);
      onMessage();
    },
    onEnd: (cause) => settle(cause),
  });
  const next = async () => {
    while (messages.length === 0) {
      await new Promise<void>((resolve) => {
        onMessage = resolve;
      });
    }
    return messages.shift();
  };
  return { thread, messages, ended, next };
}

const show = (what: string, value: unknown) => console.log(JSON.stringify({ what, value }));

const echo = start();
// Posted before the thread runs: kept until it listens.
for (const word of ["first", "second"]) echo.thread.post(word);
const [word, boot] = (await echo.next()) as [string, { shared: Int32Array }];
show("first", word);
show("second", ((await echo.next()) as [string])[0]);
Atomics.store(boot.shared, 0, 7);
show("shared", Atomics.load(shared, 0));
const askedMs = systemClock.nowMs();
echo.thread.post("time");
const [, , theirMs] = (await echo.next()) as [string, unknown, number];
// It was told between the two: however late the message came, how far outside is what the clocks are apart.
show("time apart", Math.max(askedMs - theirMs, theirMs - systemClock.nowMs(), 0));
for (const order of ["throw", "end"]) {
  const trial = start();
  trial.thread.post(order);
  show(order, await trial.ended);
}
const guarded = start();
for (const order of ["guard", "throw"]) guarded.thread.post(order);
show("guarded", await guarded.next());
guarded.thread.post("reject");
show("guarded", await guarded.next());
guarded.thread.post("lives");
show("guarded", ((await guarded.next()) as [string])[0]);
const spinning = start();
spinning.thread.post("go");
await spinning.next();
spinning.thread.post("spin");
const began = systemClock.nowMs();
let isToldOfEnd = false;
void spinning.ended.then(() => {
  isToldOfEnd = true;
});
await spinning.thread.end();
show("a spinning thread ended within a second", systemClock.nowMs() - began < 900);
show("end() tells nobody", !isToldOfEnd);
process.exit(0);
