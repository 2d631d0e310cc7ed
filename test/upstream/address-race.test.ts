/** Happy Eyeballs (RFC 8305) over the addresses of one server. */

import { describe, expect, test } from "bun:test";
import type { TlsOutcome } from "../../src/runtime/runtime.ts";
import { AddressBook } from "../../src/upstream/dial/address-book.ts";
import { AddressRace } from "../../src/upstream/dial/address-race.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { FakeStream } from "../support/fake-stream.ts";
import { identity, upstreamLimits } from "../support/fake-upstream.ts";
import { Scene, told } from "../support/fake-upstream-group.ts";

const outcome: TlsOutcome = { protocol: "TLSv1.3", cipher: "any", alpn: "dot", resumed: false };
const failure = (code: string) => Object.assign(new Error(code), { code });

/** A race whose runners the test lets win or fail, and what its owner heard. */
class Race {
  readonly clock = new FakeClock();
  readonly diary: string[] = [];
  readonly hosts: string[] = [];
  readonly race: AddressRace;
  readonly book: AddressBook;
  readonly #runners: { stream: FakeStream; onSecure: (outcome: TlsOutcome) => void }[] = [];

  constructor(hosts: readonly string[]) {
    this.book = new AddressBook(hosts, this.clock, fakeRandom(), upstreamLimits.health);
    this.race = new AddressRace(
      this.clock,
      this.book,
      (host, onSecure, handler) => {
        const stream = new FakeStream(this.clock);
        stream.handler = handler;
        this.hosts.push(host);
        this.#runners.push({ stream, onSecure });
        return stream;
      },
      () => this.diary.push("secure"),
      {
        onOctets: (octets) => this.diary.push(`octets ${octets.join()}`),
        onEnd: () => this.diary.push("end"),
        onDrain: () => this.diary.push("drain"),
        onClose: (cause) => this.diary.push(`close ${(cause as NodeJS.ErrnoException | undefined)?.code}`),
      },
    );
  }

  stream(n: number): FakeStream {
    return this.#runners[n]!.stream;
  }

  win(n: number): void {
    this.#runners[n]!.onSecure(outcome);
    this.clock.turn();
  }

  fail(n: number, code: string): void {
    this.stream(n).close(failure(code));
    this.clock.turn();
  }

  get destroyed(): boolean[] {
    return this.#runners.map(({ stream }) => stream.destroyed);
  }
}

const race = (...hosts: string[]) => new Race(hosts);

describe("the race", () => {
  test("begins with one; each next 250 ms after the last (RFC 8305, 5)", () => {
    const scene = race("192.0.2.1", "2001:db8::1", "192.0.2.2");
    expect(scene.hosts).toEqual(["192.0.2.1"]);
    scene.clock.advance(249);
    expect(scene.hosts).toHaveLength(1);
    scene.clock.advance(1);
    expect(scene.hosts).toEqual(["192.0.2.1", "2001:db8::1"]);
    scene.clock.advance(250);
    expect(scene.hosts).toEqual(["192.0.2.1", "2001:db8::1", "192.0.2.2"]);
    expect(scene.clock.timers).toBe(0);
  });

  test("one that fails is followed at once, and the delay begins anew", () => {
    const scene = race("192.0.2.1", "2001:db8::1", "192.0.2.2");
    scene.clock.advance(100);
    scene.fail(0, "ENETUNREACH");
    expect(scene.hosts).toHaveLength(2);
    scene.clock.advance(249);
    expect(scene.hosts).toHaveLength(2);
    scene.clock.advance(1);
    expect(scene.hosts).toHaveLength(3);
  });

  test("the first to be authenticated wins; all others are closed, and no more begin", () => {
    const scene = race("192.0.2.1", "2001:db8::1", "192.0.2.2", "2001:db8::2");
    scene.clock.advance(500);
    scene.win(1);
    expect(scene.clock.timers).toBe(0);
    expect(scene.diary).toEqual(["secure"]);
    expect(scene.destroyed).toEqual([true, false, true]);
    scene.clock.advance(10_000);
    expect(scene.hosts).toHaveLength(3);
    expect(scene.clock.timers).toBe(0);
    scene.win(0); // too late
    expect(scene.diary).toEqual(["secure"]);
  });

  test("addresses that become known later run too: 250 ms after they did, at once when the rest failed before, or in turn", () => {
    const alone = race("192.0.2.1");
    alone.clock.advance(400);
    alone.race.join(["2001:db8::1", "2001:db8::2"]);
    alone.clock.advance(249);
    expect(alone.hosts).toHaveLength(1);
    alone.clock.advance(1);
    expect(alone.hosts).toEqual(["192.0.2.1", "2001:db8::1"]);
    alone.fail(1, "ECONNREFUSED");
    expect(alone.hosts).toEqual(["192.0.2.1", "2001:db8::1", "2001:db8::2"]);
    expect(alone.diary).toEqual([]);
    alone.win(0);
    alone.race.join(["192.0.2.9"]);
    alone.clock.advance(1000);
    expect(alone.hosts).toHaveLength(3);
    const among = race("192.0.2.1", "192.0.2.2");
    among.race.join(["2001:db8::1"]);
    among.fail(0, "ECONNREFUSED");
    among.fail(1, "ECONNREFUSED");
    expect(among.hosts).toEqual(["192.0.2.1", "192.0.2.2", "2001:db8::1"]);
    among.fail(2, "ECONNREFUSED");
    expect(among.diary).toEqual(["close ECONNREFUSED"]);
  });

  test("from then on it is the winner's stream", () => {
    const scene = race("192.0.2.1", "2001:db8::1");
    scene.clock.advance(250);
    scene.race.write(Uint8Array.of(9)); // nobody is authenticated
    scene.win(1);
    scene.race.write(Uint8Array.of(1, 2));
    expect([scene.stream(0).writes.length, scene.stream(1).writes]).toEqual([0, [Uint8Array.of(1, 2)]]);
    scene.stream(1).unsentOctets = 7;
    expect(scene.race.unsentOctets).toBe(7);
    scene.race.pause();
    expect(scene.stream(1).paused).toBe(true);
    scene.race.resume();
    expect(scene.stream(1).paused).toBe(false);
    scene.stream(1).receive(Uint8Array.of(3));
    scene.stream(1).handler!.onDrain();
    scene.stream(1).handler!.onEnd();
    scene.race.end();
    expect(scene.stream(1).ended).toBe(true);
    scene.fail(1, "ECONNRESET");
    expect(scene.diary).toEqual(["secure", "octets 3", "drain", "end", "close ECONNRESET"]);
  });

  test("one that ends before it is authenticated is closed, and the race goes on", () => {
    const scene = race("192.0.2.1", "192.0.2.2");
    scene.stream(0).handler!.onEnd();
    scene.clock.turn();
    expect([scene.destroyed, scene.hosts.length, scene.diary]).toEqual([[true, false], 2, []]);
  });

  test("given up: every runner is closed, and nothing is told of any", () => {
    const scene = race("192.0.2.1", "2001:db8::1", "192.0.2.2");
    scene.clock.advance(250);
    scene.race.destroy();
    scene.clock.advance(1000);
    scene.win(0);
    expect([scene.destroyed, scene.diary, scene.hosts.length]).toEqual([[true, true], [], 2]);
    expect(scene.clock.timers).toBe(0);
  });

  test.each([
    [["ENETUNREACH", "ECONNREFUSED", "CERT_HAS_EXPIRED"], "CERT_HAS_EXPIRED"],
    [["CERT_HAS_EXPIRED", "ECONNREFUSED", "ENETUNREACH"], "CERT_HAS_EXPIRED"],
    [["ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH"], "ECONNREFUSED"],
    [["ENETUNREACH", "EHOSTUNREACH", "ECONNRESET"], "ECONNRESET"],
    [["ENETUNREACH", "EHOSTUNREACH", "ENETUNREACH"], "ENETUNREACH"],
  ])("when all failed (%p) the reason is the one that tells most: %p", (codes, told) => {
    const scene = race("192.0.2.1", "2001:db8::1", "192.0.2.2");
    for (const [i, code] of codes.entries()) scene.fail(i, code);
    expect(scene.diary).toEqual([`close ${told}`]);
  });
});

describe("a server with two families", () => {
  const both = () => new Scene([identity("both", { addresses: ["2001:db8::1", "192.0.2.1"] })]);

  test("one of which leads nowhere: answered over the other a moment later, and from then on there first", () => {
    const scene = both();
    const asked = scene.ask("a");
    scene.clock.advance(250);
    scene.dial(1).secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.dial(0).stream.destroyed).toBe(true);
    scene.dial(1).close();
    scene.ask("b");
    expect(scene.hosts).toEqual(["2001:db8::1", "192.0.2.1", "192.0.2.1"]);
    expect(scene.network.log.told).toEqual([]);
  });

  test("nothing is written to who loses, and a handshake that is too late changes nothing", () => {
    const scene = both();
    scene.ask("a", "b");
    scene.clock.advance(250);
    scene.dial(1).secure();
    scene.dial(0).options.onSecure(outcome);
    scene.clock.turn();
    expect(scene.network.dials.map(({ queries }) => queries.length)).toEqual([0, 2]);
    expect(scene.set.members[0]!.gauges().connections).toBe(1);
  });

  test("a ticket goes to one of them only (RFC 8446, C.4)", () => {
    const scene = both();
    scene.ask("a");
    scene.dial(0).secure().answerAll();
    scene.dial(0).options.onSession(Uint8Array.of(1));
    scene.dial(0).close();
    scene.ask("b");
    scene.clock.advance(250);
    const { dials } = scene.network;
    expect(dials.slice(1).map(({ options }) => options.session)).toEqual([Uint8Array.of(1), undefined]);
  });

  test("all that fails is one failure, told in its most telling words", () => {
    const scene = both();
    const asked = scene.ask("a");
    scene.dial(0).fail("ENETUNREACH");
    scene.dial(1).fail("CERT_HAS_EXPIRED");
    expect(told(asked)).toEqual(["authentication"]);
    expect(scene.network.log.told).toEqual(["warn upstream both: its certificate has expired"]);
  });
});
