import { describe, expect, test } from "bun:test";
import { bootstrapLookUp } from "../../src/upstream/bootstrap.ts";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { name, question, record, response, TO_QUESTION } from "../support/fake-messages.ts";
import { FakeNetwork, identity, idOf, setLimits } from "../support/fake-upstream.ts";

const V4 = [192, 0, 2, 1];
const V6 = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

class Scene {
  readonly clock = new FakeClock();
  readonly network = new FakeNetwork(this.clock);
  readonly bootstrap;
  readonly found: (readonly string[] | UpstreamError)[] = [];

  constructor(servers = [identity("10.0.0.1")]) {
    this.bootstrap = bootstrapLookUp(servers, this.network.parts(), { ...setLimits, lookUpMs: 4000 });
  }

  lookUp(hostName = "dns.test"): this {
    this.bootstrap.lookUp(hostName, (found) => this.found.push(found));
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

  test("both families are found, whichever comes first", () => {
    for (const order of [
      [1, 28],
      [28, 1],
    ]) {
      const scene = new Scene().lookUp();
      scene.network.last.secure();
      for (const type of order) {
        expect(scene.found).toEqual([]);
        scene.answer(type, [record(TO_QUESTION, type, type === 1 ? V4 : V6)]);
      }
      expect(new Set(scene.found[0] as string[])).toEqual(new Set(["192.0.2.1", "2001:db8::1"]));
    }
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
    expect(scene.found).toEqual([["2001:db8::1"]]);
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
