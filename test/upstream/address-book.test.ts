/** The addresses of one server, and a breaker for each family. */

import { describe, expect, test } from "bun:test";
import { COUNTER } from "../../src/upstream/counters.ts";
import { AddressBook } from "../../src/upstream/dial/address-book.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { identity } from "../support/fake-upstream.ts";
import { Scene, told } from "../support/fake-upstream-group.ts";

/** Its back-offs have no jitter. */
function open(...hosts: string[]) {
  const clock = new FakeClock();
  const random = { fill: (octets: Uint8Array) => void octets.fill(0) };
  return { clock, book: new AddressBook(hosts, clock, random, { minBackOffMs: 1000, maxBackOffMs: 4000 }) };
}

describe("the order of the addresses", () => {
  test("families in turn, beginning with the first given", () => {
    const { book } = open("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2", "192.0.2.3");
    expect(book.ordered()).toEqual(["2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"]);
    expect(book.families).toEqual([6, 4]);
  });

  test("what worked last comes first, then its family and the other in turn", () => {
    const { book } = open("2001:db8::1", "2001:db8::2", "192.0.2.1", "192.0.2.2");
    book.worked("192.0.2.2");
    expect(book.ordered()).toEqual(["192.0.2.2", "192.0.2.1", "2001:db8::1", "2001:db8::2"]);
    expect(book.last).toBe("192.0.2.2");
  });

  test("what failed comes last, the latest failure at the very end, until it works", () => {
    const { book, clock } = open("192.0.2.1", "192.0.2.2", "192.0.2.3");
    book.worked("192.0.2.1");
    book.failed("192.0.2.2");
    clock.advance(1000);
    book.failed("192.0.2.1");
    expect(book.ordered()).toEqual(["192.0.2.3", "192.0.2.2", "192.0.2.1"]);
    expect(book.last).toBeUndefined();
    book.worked("192.0.2.2");
    expect(book.ordered()[0]).toBe("192.0.2.2");
  });

  test("new addresses bring no old failures", () => {
    const { book } = open("192.0.2.1");
    book.worked("192.0.2.1");
    book.failed("192.0.2.1");
    book.replace(["192.0.2.2", "192.0.2.1"]);
    expect([book.ordered(), book.stateOf(4)]).toEqual([["192.0.2.2", "192.0.2.1"], "closed"]);
    book.worked("192.0.2.1");
    book.replace(["192.0.2.2"]);
    expect(book.last).toBeUndefined();
    book.failed("192.0.2.1"); // one that is not of the server any more
    expect(book.stateOf(4)).toBe("closed");
  });
});

describe("a family", () => {
  const both = () => open("2001:db8::1", "192.0.2.1", "192.0.2.2");
  const states = (book: AddressBook) => [book.stateOf(4), book.stateOf(6)];

  test("fails when each of its addresses did, and works again with one of them", () => {
    const { book } = both();
    book.failed("192.0.2.1");
    expect(states(book)).toEqual(["closed", "closed"]);
    book.failed("192.0.2.2");
    expect(states(book)).toEqual(["open", "closed"]);
    book.worked("192.0.2.1");
    expect(states(book)).toEqual(["closed", "closed"]);
  });

  test("that failed is not raced while the other works; when none does, all are", () => {
    const { book } = both();
    book.failed("2001:db8::1");
    expect(book.ordered()).toEqual(["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    book.worked("192.0.2.1");
    expect(book.ordered()).toEqual(["192.0.2.1", "192.0.2.2"]);
    book.failed("192.0.2.1");
    expect(book.ordered()).toHaveLength(3);
  });

  test("is half-opened by one probe after each back-off, which doubles up to its bound", () => {
    const { book, clock } = both();
    book.worked("192.0.2.1");
    book.failed("2001:db8::1");
    const waitedMs = () => {
      const sinceMs = clock.nowMs();
      while (book.takeProbe() === undefined) clock.advance(10);
      return clock.nowMs() - sinceMs;
    };
    const seen = [];
    for (let i = 0; i < 4; i++) {
      seen.push(waitedMs());
      expect([book.stateOf(6), book.takeProbe()]).toEqual(["half-open", undefined]);
      book.failed("2001:db8::1");
      expect(states(book)).toEqual(["closed", "open"]);
    }
    expect(seen).toEqual([1000, 2000, 4000, 4000]);
    waitedMs();
    book.recovered("2001:db8::1");
    expect([states(book), book.last, book.ordered().length]).toEqual([["closed", "closed"], "192.0.2.1", 3]);
  });

  test("is not probed while the other does not work either: every dial tries both", () => {
    const { book, clock } = both();
    book.failed("2001:db8::1");
    clock.advance(5000);
    expect(book.takeProbe()).toBeUndefined();
  });

  test("a change of the host's addresses forgives all", () => {
    const { book } = both();
    book.failed("2001:db8::1");
    book.worked("192.0.2.1");
    book.forgive();
    expect([states(book), book.ordered().length]).toEqual([["closed", "closed"], 3]);
  });
});

describe("a server one of whose families leads nowhere", () => {
  /** Answered over IPv4, a moment after IPv6 was tried in vain. */
  function withoutIpv6(how: "refuses" | "is silent") {
    const scene = new Scene([identity("both", { addresses: ["2001:db8::1", "192.0.2.1"] })]);
    const asked = scene.ask("a");
    if (how === "refuses") scene.dial(0).fail("ECONNREFUSED");
    else scene.clock.advance(250);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    return scene;
  }
  const breakers = (scene: Scene) =>
    Object.fromEntries(scene.set.members[0]!.gauges().breakers.map(({ family, state }) => [family, state]));
  /** Lets time pass with a query now and then that is answered. */
  const pass = (scene: Scene, ms: number) => {
    for (let i = 0; i < ms; i += 50) {
      scene.ask(`p${i}`);
      scene.clock.advance(50);
      scene.dial(1).answerAll();
    }
  };

  test.each(["refuses", "is silent"] as const)("that %s: is open for that family alone, and works", (how) => {
    const scene = withoutIpv6(how);
    expect(breakers(scene)).toEqual({ 4: "closed", 6: "open" });
    expect(scene.set.members[0]!.healthy).toBe(true);
    expect(scene.network.log.told).toEqual([]);
  });

  test("is probed there after the back-off with nothing asked, and not raced until that works", () => {
    const scene = withoutIpv6("is silent");
    pass(scene, 1050);
    expect(scene.hosts).toEqual(["2001:db8::1", "192.0.2.1", "2001:db8::1"]);
    expect(breakers(scene)).toEqual({ 4: "closed", 6: "half-open" });
    pass(scene, 2600); // as long as a dial may take
    expect(scene.dial(2).stream.destroyed).toBe(true);
    expect(breakers(scene)).toEqual({ 4: "closed", 6: "open" });
    pass(scene, 2000);
    expect(scene.hosts).toHaveLength(4);
    scene.dial(3).secure();
    expect(breakers(scene)).toEqual({ 4: "closed", 6: "closed" });
    expect([scene.dial(3).stream.destroyed, scene.dial(3).queries.length]).toEqual([true, 0]);
    const { counters } = scene.set.members[0]!;
    const counts = [COUNTER.DIALS, COUNTER.DIAL_FAILURES, COUNTER.HANDSHAKES_FULL].map((one) => counters.of(one));
    expect(counts).toEqual([3, 1, 2]);
  });

  test("fails only when the other family does, and then both are tried", () => {
    const scene = withoutIpv6("refuses");
    scene.dial(1).close();
    const asked = scene.ask("b");
    expect(scene.hosts.slice(2)).toEqual(["192.0.2.1"]);
    scene.dial(2).fail("EHOSTUNREACH");
    expect(told(asked)).toEqual(["connect"]);
    expect(breakers(scene)).toEqual({ 4: "open", 6: "open" });
    scene.clock.advance(1000);
    scene.ask("c");
    scene.clock.advance(250);
    expect(scene.hosts.slice(3).sort()).toEqual(["192.0.2.1", "2001:db8::1"]);
  });

  test("stopped, its probe is ended", async () => {
    const scene = withoutIpv6("refuses");
    pass(scene, 1050);
    await scene.set.stop(0);
    expect(scene.dial(2).stream.destroyed).toBe(true);
    scene.clock.advance(100);
    expect(scene.clock.timers).toBe(0);
  });

  test("an RCODE is no failure of a family", () => {
    const scene = withoutIpv6("refuses");
    for (let i = 0; i < 5; i++) {
      scene.ask(`s${i}`);
      scene.dial(1).answerAll(0x8182);
    }
    expect(breakers(scene)).toEqual({ 4: "closed", 6: "open" });
  });

  test("a connection that fell silent leads to the other family first, and counts against its own", () => {
    const scene = new Scene([identity("both", { addresses: ["192.0.2.1", "2001:db8::1"] })]);
    scene.ask("a");
    scene.dial(0).secure();
    while (!scene.dial(0).stream.destroyed) scene.clock.advance(20);
    expect(scene.hosts).toEqual(["192.0.2.1", "2001:db8::1"]);
    scene.dial(1).secure().answerAll();
    expect(breakers(scene)).toEqual({ 4: "open", 6: "closed" });
  });
});
