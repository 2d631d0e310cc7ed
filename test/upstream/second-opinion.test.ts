/** SERVFAIL and REFUSED are worth one try at another server, unless they say why that is no use. */

import { describe, expect, test } from "bun:test";
import { opt, option, question, response, uint16 } from "../support/fake-messages.ts";
import { answerTo, type FakeDial, idOf } from "../support/fake-upstream.ts";
import { some, told, two } from "../support/fake-upstream-group.ts";

const SERVFAIL = 0x8182;
const REFUSED = 0x8185;

/** Answers the last query, for a.test, with an Extended DNS Error. */
function answerWithError(dial: FakeDial, flags: number, ...codes: number[]): void {
  const options = codes.flatMap((code) => option(15, [...uint16(code), 0x78]));
  const id = idOf(dial.queries.at(-1)!);
  dial.send(response({ id, flags, questions: [question("a.test")], additional: [opt({ options })] }));
}

describe("an error with an Extended DNS Error (RFC 8914)", () => {
  const final = [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 15, 16, 17, 18];
  const codes = Array.from({ length: 26 }, (_, code) => code);

  test.each([
    ["SERVFAIL", SERVFAIL, "answer 2"],
    ["REFUSED", REFUSED, "answer 5"],
  ])("%s: final when validation or a policy is to blame, else another is asked", (_name, flags, itself) => {
    const seen = codes.filter((code) => {
      const scene = two();
      const [asked] = scene.ask("a");
      answerWithError(scene.dial(0).secure(), flags, code);
      if (asked!.told.length === 0) scene.dial(1).secure().answerAll();
      return asked!.told.join() === itself;
    });
    expect(seen).toEqual(final);
  });
});

describe("a second opinion", () => {
  test.each([1, 2, 4, 5])("that does not come leaves the first, RCODE %d", (rcode) => {
    const fail: ((dial: FakeDial) => void)[] = [
      (dial) => dial.fail("ECONNREFUSED"),
      (dial) => dial.secure().fail("ECONNRESET"),
      (dial) => dial.secure().send(answerTo(dial.queries.at(-1)!).slice(0, 20)),
      () => {},
    ];
    for (const how of fail) {
      const scene = two();
      const [asked] = scene.ask("a");
      scene
        .dial(0)
        .secure()
        .answerAll(0x8180 | rcode);
      scene.dial(0).answerAll(0x8180 | rcode); // plainly, where it complained
      how(scene.dial(1));
      scene.clock.advance(4100);
      expect(asked!.told).toEqual([`answer ${rcode}`]);
    }
  });

  test.each([SERVFAIL, REFUSED])(
    "with sticky names no other operator is asked for one (%p), only when one cannot be reached",
    (flags) => {
      const scene = two({}, { strategy: "sticky" });
      const [asked] = scene.ask("a");
      const [its, other] = scene.hosts[0] === "10.0.0.1" ? ["10.0.0.1", "10.0.0.2"] : ["10.0.0.2", "10.0.0.1"];
      scene.dial(0).secure().answerAll(flags);
      expect(asked!.told).toEqual([`answer ${flags & 15}`]);
      scene.clock.advance(5000);
      expect(scene.hosts).toEqual([its!]);
      scene.dial(0).close();
      const [again] = scene.ask("a");
      scene.dial(1).fail("ECONNREFUSED");
      scene.dial(2).secure().answerAll();
      expect([again!.told, scene.hosts]).toEqual([["answer 0"], [its!, its!, other!]]);
    },
  );

  test("is asked for once: two errors are an answer, and a third server is left alone", () => {
    const scene = some(3);
    const [asked] = scene.ask("a");
    scene.dial(0).secure().answerAll(SERVFAIL);
    scene.dial(1).secure().answerAll(REFUSED);
    expect(asked!.told).toEqual(["answer 5"]);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
  });

  test("is asked for though another server could not be reached before", () => {
    const scene = some(3);
    const [asked] = scene.ask("a");
    scene.dial(0).fail("ECONNREFUSED");
    scene.dial(1).secure().answerAll(SERVFAIL);
    scene.dial(2).secure().answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("goes on to the next server when that one cannot be reached", () => {
    const scene = some(3);
    const [asked] = scene.ask("a");
    scene.dial(0).secure().answerAll(SERVFAIL);
    scene.dial(1).fail("ECONNREFUSED");
    scene.dial(2).secure().answerAll();
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("is not asked of a failing server: the error is the answer, at once", () => {
    const scene = two();
    scene.set.warm();
    scene.dial(1).fail("ECONNREFUSED");
    scene.dial(0).secure();
    scene.clock.advance(5000);
    const [asked] = scene.ask("a");
    scene.dial(0).answerAll(SERVFAIL);
    expect(asked!.told).toEqual(["answer 2"]);
  });

  test("does not hold anything against the server: no RCODE opens its breaker", () => {
    const scene = two();
    scene.set.warm();
    const [first, second] = scene.network.dials.map((dial) => dial.secure());
    for (let i = 0; i < 100; i++) {
      const [flags, itself] = i % 2 === 0 ? [SERVFAIL, "answer 2"] : [REFUSED, "answer 5"];
      const asked = scene.ask(`n${i}`);
      first!.answerAll(flags);
      second!.answerAll(flags);
      expect(told(asked)).toEqual([itself]);
    }
    for (const server of scene.set.members) expect(server.gauges().breakers).toEqual([{ family: 4, state: "closed" }]);
    expect(scene.dial(0).queries).toHaveLength(100);
    expect(scene.network.log.told).toEqual([]);
  });
});
