import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { easeBackgroundThreads } from "../../src/runtime/background-threads.ts";
import { FakeClock } from "../support/fake-clock.ts";

const nameOf = (thread: number) => readFileSync(`/proc/self/task/${thread}/comm`, "latin1").trim();
const turn = () => new Promise(setImmediate);

function eased() {
  const clock = new FakeClock();
  const calls: { thread: number; attributes: DataView }[] = [];
  const end = easeBackgroundThreads(clock, async () => (thread, attributes) => {
    calls.push({ thread, attributes: new DataView(attributes.buffer) });
    return 0;
  });
  return { clock, calls, end };
}

test("the compiler's threads give way, this one and the collector's do not", async () => {
  const { clock, calls, end } = eased();
  await turn();
  expect(calls).toEqual([]);
  clock.advance(1000);
  await turn();
  const names = calls.map(({ thread }) => nameOf(thread));
  expect(names).toContain("JITWorker");
  expect(names.filter((name) => !/^(JITWorker|JSCWarmUp|mi-scavenger)$/.test(name))).toEqual([]);
  expect(readdirSync("/proc/self/task").length).toBeGreaterThan(calls.length);
  for (const { attributes } of calls) {
    // struct sched_attr: size, policy, flags, nice, priority, runtime in ns.
    expect(attributes.byteLength).toBe(48);
    expect(attributes.getUint32(0, true)).toBe(48);
    expect(attributes.getUint32(4, true)).toBe(0);
    expect(attributes.getInt32(16, true)).toBe(Math.min(19, getPriority() + 10));
    expect(attributes.getBigUint64(24, true)).toBe(100_000n);
  }
  end();
});

test("each is told once, and none any more after the end", async () => {
  const { clock, calls, end } = eased();
  for (let second = 0; second < 3; second++) {
    clock.advance(1000);
    await turn();
  }
  const threads = calls.map(({ thread }) => thread);
  expect(new Set(threads).size).toBe(threads.length);
  end();
  calls.length = 0;
  clock.advance(5000);
  await turn();
  expect(calls).toEqual([]);
});

test("where the call is not to be had, nothing happens", async () => {
  const clock = new FakeClock();
  const end = easeBackgroundThreads(clock, () => Promise.reject(new Error("no C library")));
  clock.advance(3000);
  await turn();
  end();
});
