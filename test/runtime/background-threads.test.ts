import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import { easeBackgroundThreads } from "../../src/runtime/host/background-threads.ts";
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

/** struct sched_attr of 48 octets: size, policy, flags, nice, priority, and the time of a turn in ns. */
function told(attributes: DataView) {
  expect([attributes.byteLength, attributes.getUint32(0, true)]).toEqual([48, 48]);
  return {
    policy: attributes.getUint32(4, true),
    flags: attributes.getBigUint64(8, true),
    nice: attributes.getInt32(16, true),
    sliceNs: attributes.getBigUint64(24, true),
  };
}

test("the compiler's threads give way to this one, the collector's do not", async () => {
  const { clock, calls, end } = eased();
  await turn();
  expect(calls).toEqual([]);
  clock.advance(1000);
  await turn();
  const [own, ...background] = calls;
  const names = background.map(({ thread }) => nameOf(thread));
  expect(names).toContain("JITWorker");
  expect(names.filter((name) => !/^(JITWorker|JSCWarmUp|mi-scavenger)$/.test(name))).toEqual([]);
  expect(readdirSync("/proc/self/task").length).toBeGreaterThan(calls.length);
  // 0 is the thread that calls, 8 is SCHED_FLAG_KEEP_POLICY, 1 SCHED_FLAG_RESET_ON_FORK.
  expect(own?.thread).toBe(0);
  expect(told(own!.attributes)).toEqual({
    policy: 0,
    flags: getPriority() < 0 ? 8n : 9n,
    nice: getPriority(),
    sliceNs: 100_000n,
  });
  for (const { attributes } of background) {
    const nice = Math.min(19, getPriority() + 10);
    expect(told(attributes)).toEqual({ policy: 0, flags: 0n, nice, sliceNs: 200_000n });
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
