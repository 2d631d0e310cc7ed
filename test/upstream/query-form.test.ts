/** Servers that complain of what fdns adds to a query: asked once more plainly, and plainly for a while where that helps. */

import { describe, expect, test } from "bun:test";
import { message, opt, question } from "../support/fake-messages.ts";
import { answerTo, type FakeDial, FakeExchange, labelOf } from "../support/fake-upstream.ts";
import { one, type Scene, told, two } from "../support/fake-upstream-group.ts";

const [NOERROR, FORMERR, SERVFAIL, NOTIMP] = [0x8180, 0x8181, 0x8182, 0x8184];

/** What a query carries besides its question: "options", "opt" (without any), or "nothing". */
function formOf(query: Uint8Array): string {
  const question = query.indexOf(0, 12) + 5;
  if (query[11] === 0) return query.length === question ? "nothing" : "octets behind the question";
  const options = (query[question + 9]! << 8) | query[question + 10]!;
  return (options > 0 ? "options" : "opt") + ((query[question + 7]! & 0x80) > 0 ? ", do" : "");
}

const formsOf = (dial: FakeDial) => dial.queries.map(formOf);

function askSecure(scene: Scene, label: string): FakeExchange {
  const nowMs = scene.clock.nowMs();
  const exchange = new FakeExchange(label, nowMs + 4000);
  exchange.query.dnssecOk = true;
  scene.set.ask(exchange, nowMs);
  scene.clock.turn();
  return exchange;
}

/** Answers each query once, with the flags that fit its form; the plain one follows within. */
function serve(dial: FakeDial, flagsOf: (form: string) => number): void {
  for (let at = served.get(dial) ?? 0; at < dial.queries.length; at++) {
    served.set(dial, at + 1);
    const query = dial.queries[at]!;
    dial.send(answerTo(query, flagsOf(formOf(query))));
  }
}
const served = new WeakMap<FakeDial, number>();

const refusesOpt = (flags: number) => (form: string) => (form === "nothing" ? NOERROR! : flags);

describe("a complaint that what fdns adds may have caused", () => {
  test.each([
    ["FORMERR", FORMERR!],
    ["NOTIMP", NOTIMP!],
  ])("%s: the same server is asked once more, plainly, and plainly from then on", (_name, flags) => {
    const scene = two();
    const asked = scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), refusesOpt(flags));
    asked.push(...scene.ask("b", "c"));
    serve(scene.dial(0), refusesOpt(flags));
    expect(told(asked)).toEqual(["answer 0", "answer 0", "answer 0"]);
    expect(formsOf(scene.dial(0))).toEqual(["options", "nothing", "nothing", "nothing"]);
    expect(scene.hosts).toEqual(["10.0.0.1"]);
    expect(scene.network.log.told.filter((line) => line.includes("EDNS"))).toHaveLength(1);
  });

  test("BADVERS, in a header of its own or with the question: as well", () => {
    for (const questions of [[], [question("a.test")]]) {
      const scene = one();
      const asked = scene.ask("a");
      const { queries } = scene.dial(0).secure();
      const id = (queries[0]![0]! << 8) | queries[0]![1]!;
      scene.dial(0).send(message({ id, flags: NOERROR!, questions, additional: [opt({ rcodeBits: 1 })] }));
      expect(scene.dial(0).queries.map(formOf)).toEqual(["options", "nothing"]);
      scene.dial(0).send(answerTo(scene.dial(0).queries[1]!));
      expect(told(asked)).toEqual(["answer 0"]);
    }
  });

  test("it is about the question, if it comes again: passed on, and nothing is remembered", () => {
    const scene = one();
    const asked = scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), () => NOTIMP!);
    asked.push(...scene.ask("b"));
    serve(scene.dial(0), () => NOERROR!);
    expect(told(asked)).toEqual(["answer 4", "answer 0"]);
    expect(formsOf(scene.dial(0))).toEqual(["options", "nothing", "options"]);
  });

  test("another error when asked plainly shows nothing, so nothing is remembered", () => {
    const scene = one();
    const asked = scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), (form) => (form === "nothing" ? SERVFAIL! : FORMERR!));
    asked.push(...scene.ask("b"));
    serve(scene.dial(0), () => NOERROR!);
    expect(told(asked)).toEqual(["answer 2", "answer 0"]);
    expect(formsOf(scene.dial(0)).at(-1)).toBe("options");
  });

  test("after its time, and after a change of the way, it is asked as any other", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), refusesOpt(FORMERR!));
    scene.clock.advance(899_000);
    scene.ask("b");
    const later = scene.network.last.secure();
    serve(later, refusesOpt(FORMERR!));
    scene.clock.advance(1000);
    scene.ask("c");
    serve(later, refusesOpt(FORMERR!));
    expect(formsOf(later)).toEqual(["nothing", "options", "nothing"]);
    scene.set.renew();
    scene.ask("d");
    expect(formsOf(scene.network.last.secure())).toEqual(["options"]);
  });

  test("a query with DO keeps its OPT, without options, whatever is known", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), refusesOpt(FORMERR!));
    const exchange = askSecure(scene, "b");
    serve(scene.dial(0), refusesOpt(FORMERR!));
    expect(formsOf(scene.dial(0))).toEqual(["options", "nothing", "opt, do"]);
    // Whoever asked for signatures is told that there are none to be had, and not given an answer without.
    expect(exchange.told).toEqual(["answer 1"]);
  });

  test("a query with DO, where options alone are complained of, is answered with its OPT", () => {
    const scene = one();
    const refusesOptions = (form: string) => (form.startsWith("options") ? FORMERR! : NOERROR!);
    const first = askSecure(scene, "a");
    scene.dial(0).secure();
    serve(scene.dial(0), refusesOptions);
    const second = askSecure(scene, "b");
    serve(scene.dial(0), refusesOptions);
    expect(formsOf(scene.dial(0))).toEqual(["options, do", "opt, do", "opt, do"]);
    expect(told([first, second])).toEqual(["answer 0", "answer 0"]);
  });

  test("the next server is asked in full, and when the first one's turn comes again it is known", () => {
    const scene = two();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), () => FORMERR!);
    expect(scene.hosts).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(formsOf(scene.dial(1).secure())).toEqual(["options"]);
    serve(scene.dial(1), () => NOERROR!);
    expect(asked!.told).toEqual(["answer 0"]);
  });

  test("the connection that ends between the two: the plain one is sent on the next, plainly", () => {
    const scene = one();
    const [asked] = scene.ask("a");
    scene.dial(0).secure();
    scene.dial(0).send(answerTo(scene.dial(0).queries[0]!, FORMERR));
    scene.dial(0).close();
    expect(formsOf(scene.network.last.secure())).toEqual(["nothing"]);
    serve(scene.network.last, () => NOERROR!);
    expect(asked!.told).toEqual(["answer 0"]);
    expect(labelOf(scene.network.last.queries[0]!)).toBe("a");
  });

  test("every attempt is counted once", () => {
    const scene = one();
    scene.ask("a");
    scene.dial(0).secure();
    serve(scene.dial(0), () => FORMERR!);
    const { counters } = scene.set.members[0]!;
    expect([counters.of(0), counters.of(1)]).toEqual([2, 2]);
  });
});
