import { edenGC, heapStats } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import type { Libc } from "../../src/runtime/libc.ts";
import { relayedReadiness } from "../../src/runtime/udp/readiness-relay.ts";

/** Of what waiting needs; nothing is ever ready. */
const libc = { fcntl: () => 0, addressOf: () => 0n } as unknown as Libc;

describe("a descriptor that is waited for again and again", () => {
  test("leaves nothing on the heap that outlives the collector's small rounds", () => {
    const { readiness } = relayedReadiness(libc, new Int32Array(new SharedArrayBuffer(64)));
    const watch = readiness(7, () => {});
    const objects = () => heapStats().objectCount;
    edenGC();
    const before = objects();
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 1000; i++) {
        watch.arm();
        watch.disarm();
      }
      edenGC();
    }
    // With a Map of those that wait: some 5000, the copies the runtime made of it, each kept by the one before.
    expect(objects() - before).toBeLessThan(1000);
    watch.end();
  });
});

describe("of several descriptors", () => {
  test("those that wait are woken, and may end while they are", () => {
    const { readiness, wakeAll } = relayedReadiness(libc, new Int32Array(new SharedArrayBuffer(64)));
    const woken: string[] = [];
    const first = readiness(7, () => {
      woken.push("first");
      first.end();
    });
    const second = readiness(8, () => woken.push("second"));
    const third = readiness(9, () => woken.push("third"));
    first.arm();
    second.arm();
    third.arm();
    second.disarm();
    wakeAll();
    expect(woken).toEqual(["first", "third"]);
    wakeAll();
    expect(woken).toEqual(["first", "third", "third"]);
    second.end();
    third.end();
  });
});
