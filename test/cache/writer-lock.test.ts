import { expect, test } from "bun:test";
import { WriterLock } from "../../src/cache/store/writer-lock.ts";

const memory = () => new SharedArrayBuffer(4096);
const lockOf = (room: SharedArrayBuffer, worker: number) => new WriterLock(new Int32Array(room), worker);

test("one has it, until it gives it back", () => {
  const room = memory();
  const [one, other] = [lockOf(room, 0), lockOf(room, 1)];
  expect([one.acquire(), other.acquire()]).toEqual([true, false]);
  one.release();
  expect([other.acquire(), one.acquire()]).toEqual([true, false]);
});

test("it is taken from a worker that is no more, and only from one that has it", () => {
  const room = memory();
  const [one, other, third] = [lockOf(room, 0), lockOf(room, 1), lockOf(room, 2)];
  one.acquire();
  expect([other.takeFrom(2), other.takeFrom(0)]).toEqual([false, true]);
  expect([third.acquire(), other.takeFrom(0)]).toEqual([false, false]);
});

test("for an answer it is waited for as long as a thread may be kept from its core, and once only", () => {
  const room = memory();
  const [one, other] = [lockOf(room, 0), lockOf(room, 1)];
  const waitMs = () => {
    const began = performance.now();
    expect(other.acquire()).toBe(false);
    return performance.now() - began;
  };
  one.acquire();
  expect(waitMs()).toBeWithin(1, 1000);
  // The least of several, as this thread may be kept from its core too.
  expect(Math.min(...Array.from({ length: 5 }, waitMs))).toBeLessThan(0.5);
  one.release();
  expect(other.acquire()).toBe(true);
  other.release();
  one.acquire();
  expect(waitMs()).toBeWithin(1, 1000);
});

test("who waits leaves the core to the one who has it", () => {
  const room = memory();
  lockOf(room, 0).acquire();
  const began = performance.now();
  const before = process.cpuUsage();
  expect(lockOf(room, 1).acquire(true)).toBe(false);
  const { user, system } = process.cpuUsage(before);
  const tookMs = performance.now() - began;
  expect(tookMs).toBeGreaterThan(100);
  expect((user + system) / 1000 / tookMs).toBeLessThan(0.5);
});
