import { expect, test } from "bun:test";
import { SharedFigures } from "../../src/serving/figures.ts";
import { limitsOf } from "../../src/serving/limits.ts";
import { COUNTER } from "../../src/upstream/counters.ts";

const make = () => {
  const memory = SharedFigures.memory(3, 2);
  // As three threads have them, each over the same memory.
  return Array.from({ length: 3 }, () => new SharedFigures(memory, 3, 2));
};

test("what workers count is summed, whoever reads", () => {
  const threads = make();
  for (const [worker, figures] of threads.entries()) {
    const own = figures.workers[worker]!;
    own.resolver.asked("udp");
    own.resolver.answered("cache", 3);
    own.resolver.waited("upstream", 10);
    own.resolver.misses += worker;
    own.udp.received += 5;
    own.tcp.accepted++;
    own.upstreams[1]!.add(COUNTER.DIALS);
    own.upstreams[1]!.answered(7);
  }
  for (const figures of threads) {
    const sum = figures.sum();
    expect(sum.resolver.queries("udp")).toBe(3);
    expect(sum.resolver.answers("cache")[3]).toBe(3);
    expect(sum.resolver.times("upstream").count).toBe(3);
    expect(sum.resolver.times("upstream").sumMs).toBe(30);
    expect([sum.resolver.misses, sum.udp.received, sum.tcp.accepted]).toEqual([3, 15, 3]);
    expect(sum.upstreams.map((one) => one.of(COUNTER.DIALS))).toEqual([0, 3]);
    expect(sum.upstreams[1]!.answerTimes.quantileMs(0.5)).toBeWithin(7, 8);
  }
});

test("a bound for all sees what each has, and a worker that is gone has nothing", () => {
  const threads = make();
  const waiting = threads.map((figures, worker) => figures.waitingOf(worker));
  const open = threads.map((figures, worker) => figures.openOf(worker));
  waiting[0]!.add(2);
  waiting[1]!.add(3);
  open[1]!.add("192.0.2.1");
  open[2]!.add("192.0.2.1");
  open[2]!.add("192.0.2.2");
  expect(waiting.map(({ own, total }) => [own, total])).toEqual([
    [2, 5],
    [3, 5],
    [0, 5],
  ]);
  expect(open.map((one) => [one.own, one.total, one.ofClient("192.0.2.1")])).toEqual([
    [0, 3, 2],
    [1, 3, 2],
    [2, 3, 2],
  ]);
  open[2]!.remove("192.0.2.1");
  expect(open[0]!.ofClient("192.0.2.1")).toBe(1);
  threads[0]!.workers[1]!.clear();
  expect([waiting[2]!.total, open[0]!.total, open[0]!.ofClient("192.0.2.1")]).toEqual([2, 1, 0]);
});

test("limits are shared out: all workers together may what one may, and each may something", () => {
  const one = limitsOf(1);
  for (const workers of [2, 3, 4]) {
    const each = limitsOf(workers);
    const pairs = [
      [each.server.maxConnections, one.server.maxConnections],
      [each.server.maxWaiting, one.server.maxWaiting],
      [each.set.maxHedgesSaved, one.set.maxHedgesSaved],
      [each.maxRefreshesSaved, one.maxRefreshesSaved],
      [each.maxWaiters, one.maxWaiters],
      [each.clients.maxPendingInAll, one.clients.maxPendingInAll],
      [each.clients.maxUnsentOctetsInAll, one.clients.maxUnsentOctetsInAll],
    ] as const;
    for (const [part, all] of pairs) expect(part * workers).toBeWithin(all - workers, all + 1);
  }
  expect(limitsOf(64).server.maxConnections).toBe(1);
  // Where the operator allows few queries in flight, half of them are left for UDP.
  expect([limitsOf(2, 100).clients.maxPendingInAll, limitsOf(2, 1).clients.maxPendingInAll]).toEqual([25, 1]);
});
