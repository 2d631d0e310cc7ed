import { describe, expect, test } from "bun:test";
import { boundGarbage } from "../../src/runtime/host/garbage.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { projectRoot } from "../support/sources.ts";
import { bun, runToEnd } from "../support/toolchain.ts";

const MIB = 1024 * 1024;

/** A heap whose blocks grow by so many MiB a second, down to what is alive with each collection. */
function bounded(aliveMib: number) {
  const clock = new FakeClock();
  const heap = { mib: aliveMib, collections: 0 };
  const end = boundGarbage(clock, {
    octets: () => heap.mib * MIB,
    collect: () => {
      heap.mib = aliveMib;
      heap.collections++;
    },
  });
  const seconds = (count: number, mib: number) => {
    let most = 0;
    for (let second = 0; second < count; second++) {
      heap.mib += mib;
      most = Math.max(most, heap.mib);
      clock.advance(1000);
    }
    return most;
  };
  return { heap, seconds, end };
}

describe("garbage is bounded", () => {
  test("where the runtime leaves it", () => {
    const { heap, seconds } = bounded(20);
    expect(seconds(60, 4)).toBe(32);
    expect(heap.collections).toBe(20);
  });

  test("and nothing is done where the runtime collects each second", () => {
    const { heap, seconds } = bounded(20);
    for (let second = 0; second < 60; second++) {
      seconds(1, 5);
      heap.mib = 20;
    }
    expect(heap.collections).toBe(0);
  });

  test("from the least there was, once blocks were given back", () => {
    const { heap, seconds } = bounded(60);
    heap.mib = 10;
    seconds(1, 0);
    expect(seconds(3, 4)).toBe(22);
    expect(heap.collections).toBe(1);
  });

  test("no more after the end", () => {
    const { heap, seconds, end } = bounded(20);
    end();
    seconds(10, 100);
    expect(heap.collections).toBe(0);
  });
});

test("the runtime's own heap grows with what is made, and not when as much was collected before", async () => {
  // In a process of its own: a heap in which other tests left room does not grow.
  const script = `
    import { ownHeap } from "${projectRoot}src/runtime/bun.ts";
    const grownBy = () => {
      const before = ownHeap.octets();
      for (let i = 0; i < 100_000; i++) globalThis.sink = { i };
      return ownHeap.octets() - before;
    };
    ownHeap.collect();
    const grown = [grownBy(), grownBy()];
    ownHeap.collect();
    console.log(JSON.stringify([...grown, grownBy()]));`;
  const { stdout } = await runToEnd([bun, "-e", script]);
  const [first, uncollected, collected] = JSON.parse(stdout);
  expect(first).toBeGreaterThan(MIB);
  expect(uncollected).toBeGreaterThan(MIB);
  expect(collected).toBeLessThan(MIB);
});
