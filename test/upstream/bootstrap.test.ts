import { describe, expect, test } from "bun:test";
import { bootstrapLookUp } from "../../src/upstream/dial/bootstrap.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { name, question, record, response, TO_QUESTION } from "../support/fake-messages.ts";
import { FakeNetwork, groupLimits, identity, idOf } from "../support/fake-upstream.ts";

const V4 = [192, 0, 2, 1];
const V6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

class Scene {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly bootstrap;
  readonly found: (readonly string[] | UpstreamError)[] = [];
  /** Of each, whether it was the last. */
  readonly last: boolean[] = [];

  constructor(servers = [identity("10.0.0.1")]) {
    this.bootstrap = bootstrapLookUp(servers, this.network.parts(), { ...groupLimits, lookUpMs: 4000 });
  }

  lookUp(hostName = "dns.test"): this {
    this.bootstrap.lookUp(hostName, (found, isLast) => {
      this.found.push(found);
      this.last.push(isLast);
    });
    this.clock.turn();
    return this;
  }

  /** Answers the question of this type with these records. */
  answer(type: number, answers: number[][], flags = 0x8180): void {
    const query = this.network.last.queries.find((octets) => octets[octets.indexOf(0, 12) + 2] === type)!;
    this.network.last.send(response({ id: idOf(query), flags, questions: [question("dns.test", type)], answers }));
  }
}

describe("the addresses of an upstream's name", () => {
  test("A and AAAA are asked over TLS, on one connection, padded", () => {
    const scene = new Scene().lookUp();
    const { queries } = scene.network.last.secure();
    expect(scene.network.dials).toHaveLength(1);
    expect(queries.map((query) => [...query.subarray(12, 26)])).toEqual([
      question("dns.test", 1),
      question("dns.test", 28),
    ]);
    expect(queries.map((query) => query.length)).toEqual([128, 128]);
  });

  describe("of both families (RFC 8305, 3)", () => {
    const looking = () => {
      const scene = new Scene().lookUp();
      scene.network.last.secure();
      return scene;
    };
    const both = ["2001:db8::1", "192.0.2.1"];

    test("IPv6 first: told at once, and IPv4 when it comes", () => {
      const scene = looking();
      scene.answer(28, [record(TO_QUESTION, 28, V6)]);
      expect([scene.found, scene.last]).toEqual([[["2001:db8::1"]], [false]]);
      scene.clock.advance(500);
      scene.answer(1, [record(TO_QUESTION, 1, V4)]);
      expect([scene.found.slice(1), scene.last]).toEqual([[both], [false, true]]);
    });

    test("IPv4 first, IPv6 within 50 ms: told together, IPv6 preferred", () => {
      const scene = looking();
      scene.answer(1, [record(TO_QUESTION, 1, V4)]);
      scene.clock.advance(49);
      expect(scene.found).toEqual([]);
      scene.answer(28, [record(TO_QUESTION, 28, V6)]);
      scene.clock.advance(100);
      expect([scene.found, scene.last]).toEqual([[both], [true]]);
    });

    test("IPv4 first, IPv6 later or never: IPv4 is told after 50 ms", () => {
      const scene = looking();
      scene.answer(1, [record(TO_QUESTION, 1, V4)]);
      scene.clock.advance(50);
      expect([scene.found, scene.last]).toEqual([[["192.0.2.1"]], [false]]);
      scene.answer(28, [record(TO_QUESTION, 28, V6)]);
      expect([scene.found.slice(1), scene.last]).toEqual([[both], [false, true]]);
      const never = looking();
      never.answer(1, [record(TO_QUESTION, 1, V4)]);
      never.clock.advance(4100);
      expect([never.found, never.last]).toEqual([
        [["192.0.2.1"], ["192.0.2.1"]],
        [false, true],
      ]);
    });

    test("none of one family is waited with for the other", () => {
      const scene = looking();
      scene.answer(1, []);
      scene.clock.advance(500);
      expect(scene.found).toEqual([]);
      scene.answer(28, [record(TO_QUESTION, 28, V6)]);
      expect([scene.found, scene.last]).toEqual([[["2001:db8::1"]], [true]]);
    });
  });

  test("behind a CNAME", () => {
    const scene = new Scene().lookUp();
    scene.network.last.secure();
    scene.answer(1, [record(TO_QUESTION, 5, name("other.test")), record(name("other.test"), 1, V4)]);
    scene.answer(28, []);
    expect(scene.found).toEqual([["192.0.2.1"]]);
  });

  test("one family is enough, and the other may fail", () => {
    const scene = new Scene().lookUp();
    scene.network.last.secure();
    scene.answer(28, [record(TO_QUESTION, 28, V6)]);
    scene.answer(1, [], 0x8182);
    expect(scene.found).toEqual([["2001:db8::1"], ["2001:db8::1"]]);
    expect(scene.last).toEqual([false, true]);
  });

  const nothing = (scene: Scene, why: string) => {
    expect(scene.found).toHaveLength(1);
    expect(scene.found[0]).toBeInstanceOf(UpstreamError);
    expect(scene.found[0]).toMatchObject({
      code: "unresolved",
      message: `its name dns.test has no known address: ${why}`,
    });
  };

  test("NXDOMAIN and NODATA", () => {
    const scene = new Scene().lookUp();
    scene.network.last.secure();
    scene.answer(1, [], 0x8183);
    scene.answer(28, []);
    nothing(scene, "no bootstrap server gave an address");
  });

  test("an answer whose RDATA is no address", () => {
    const scene = new Scene().lookUp();
    scene.network.last.secure();
    scene.answer(1, [record(TO_QUESTION, 1, [1])]);
    scene.answer(28, []);
    nothing(scene, "no bootstrap server gave an address");
  });

  test("no bootstrap server, one that refuses, one that says nothing", () => {
    nothing(new Scene([]).lookUp(), "there is no bootstrap server to ask");
    const refused = new Scene().lookUp();
    refused.network.last.fail("ECONNREFUSED");
    nothing(refused, "no bootstrap server gave an address");
    const silent = new Scene().lookUp();
    silent.network.last.secure();
    silent.clock.advance(4100);
    nothing(silent, "no bootstrap server gave an address");
  });

  test("the next bootstrap server is asked", () => {
    const scene = new Scene([identity("10.0.0.1"), identity("10.0.0.2")]).lookUp();
    scene.network.last.fail("ECONNREFUSED");
    scene.network.last.secure();
    scene.answer(1, [record(TO_QUESTION, 1, V4)]);
    scene.answer(28, []);
    expect(scene.found).toEqual([["192.0.2.1"]]);
  });

  test("stop() ends a look-up with an error", async () => {
    const scene = new Scene().lookUp();
    const stopping = scene.bootstrap.stop();
    scene.clock.advance(1);
    await stopping;
    nothing(scene, "no bootstrap server gave an address");
  });
});
