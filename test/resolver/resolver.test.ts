import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { QuestionHash } from "../../src/cache/store/hash.ts";
import { AccessList, LOCAL_PREFIXES } from "../../src/policy/access.ts";
import { Arrivals } from "../../src/resolver/arrivals.ts";
import { ResolverCounters, sources } from "../../src/resolver/counters.ts";
import { restAfter } from "../../src/resolver/failure-memory.ts";
import { Resolver } from "../../src/resolver/resolver.ts";
import type { ResolverParts } from "../../src/resolver/resolver-parts.ts";
import { PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { GUILTY } from "../../src/upstream/dot/guilt.ts";
import { type Exchange, UpstreamError, type UpstreamErrorCode } from "../../src/upstream/exchange.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { FakeClock } from "../support/fake-clock.ts";
import {
  address,
  type MessageParts,
  message,
  opt,
  option,
  question,
  record,
  response,
} from "../support/fake-messages.ts";
import { FakeSink, peerOf } from "../support/fake-sink.ts";

/** Few values, so that questions meet in one place, and the same for names that differ in case. */
const fakeHash: QuestionHash = (octets, at, questionOctets) =>
  octets.subarray(at, at + questionOctets).reduce((sum, octet) => sum + (octet | 0x20), 0) % 7;

class Scene {
  readonly clock = new FakeClock();
  readonly asked: Exchange[] = [];
  readonly resolver: Resolver;
  readonly arrivals: Arrivals;
  readonly sink: FakeSink;

  constructor(parts: Partial<ResolverParts> = {}, sink = new FakeSink(1232)) {
    this.sink = sink;
    const { asked } = this;
    this.resolver = new Resolver({
      clock: this.clock,
      upstreams: {
        ask: (exchange) => void asked.push(exchange),
      },
      answers: undefined,
      staleAfterMs: 1800,
      maxWaiters: 50,
      access: new AccessList(LOCAL_PREFIXES),
      queryTimeoutMs: 4000,
      maxInFlight: 100,
      failures: { firstMs: 1000, maxMs: 5000, recheckMs: 30_000 },
      maxUdpOctets: 1232,
      ...parts,
    });
    this.arrivals = new Arrivals(this.resolver, fakeHash);
  }

  /** Returns what handle() said. The query and its peer are overwritten afterwards, as a batch's are. */
  query(parts: MessageParts = {}, host = "127.0.0.1", port = 5353): boolean {
    return this.octets(message(parts), host, port);
  }

  octets(octets: Uint8Array, host = "127.0.0.1", port = 5353): boolean {
    const within = Uint8Array.of(9, 9, 9, ...octets, 9, 9);
    const peers = peerOf(host, port);
    const taken = this.arrivals.onQuery(within, 3, octets.length, this.sink, peers, PEER_OCTETS, this.clock.nowMs());
    within.fill(0);
    peers.fill(0);
    return taken;
  }

  answer(exchange: Exchange, octets: Uint8Array): void {
    const layout = new ResponseLayout();
    expect(layout.scan(octets, 0, octets.length)).toBe(true);
    this.asked.splice(this.asked.indexOf(exchange), 1);
    exchange.onResponse(octets, 0, layout);
  }

  fail(exchange: Exchange, code: UpstreamErrorCode): void {
    this.asked.splice(this.asked.indexOf(exchange), 1);
    exchange.onFailure(new UpstreamError(code, "for a test"));
  }

  /** RCODE and Extended DNS Error of the only response. */
  get verdict(): [rcode: number, ede: number | undefined] {
    expect(this.sink.sent).toHaveLength(1);
    const { octets } = this.sink.sent[0]!;
    const hasError = octets.length >= 6 && octets.at(-5) === 15 && octets.at(-3) === 2;
    return [octets[3]! & 15, hasError ? octets.at(-1) : undefined];
  }
}

const edns = { additional: [opt({ size: 4096 })] };

describe("answered without asking anyone", () => {
  test("strangers: REFUSED, EDE 18, whatever they ask", () => {
    for (const parts of [edns, { ...edns, flags: 0 }]) {
      const scene = new Scene();
      expect(scene.query(parts, "8.8.8.8")).toBe(true);
      expect(scene.verdict).toEqual([5, 18]);
      expect(scene.asked).toEqual([]);
    }
    const scene = new Scene();
    scene.query({ flags: 0x2100 }, "2001:db8::1");
    expect(scene.verdict).toEqual([5, undefined]);
  });

  test.each([
    ["RD=0", { flags: 0x0000, ...edns }, 5, 20],
    ["NXNAME", { questions: [question("a.test", 128)], ...edns }, 1, 30],
    ["CH", { questions: [question("version.bind", 16, 3)], ...edns }, 5, 21],
    ["AXFR", { questions: [question("a.test", 252)], ...edns }, 5, 21],
    ["IXFR, without EDNS", { questions: [question("a.test", 251)] }, 5, undefined],
    ["NOTIFY", { flags: 0x2100 }, 4, undefined],
    ["two questions", { questions: [question("a"), question("b")] }, 1, undefined],
    ["EDNS version 1", { additional: [opt({ version: 1 })] }, 0, undefined],
  ] as [string, MessageParts, number, number | undefined][])("%s", (_what, parts, rcode, ede) => {
    const scene = new Scene();
    expect(scene.query(parts)).toBe(true);
    expect(scene.verdict).toEqual([rcode, ede]);
    expect(scene.asked).toEqual([]);
  });

  test("dropped: responses and what is no header, also of strangers", () => {
    const scene = new Scene();
    expect(scene.query({ flags: 0x8180 })).toBe(false);
    expect(scene.query({ flags: 0x8180 }, "8.8.8.8")).toBe(false);
    expect(scene.octets(new Uint8Array(11))).toBe(false);
    expect(scene.sink.sent).toEqual([]);
  });

  test("more in flight than allowed: SERVFAIL at once, and those in flight go on", () => {
    const scene = new Scene({ maxInFlight: 2 });
    const asks = (name: string) => scene.query({ questions: [question(name)], ...edns });
    asks("one.test");
    asks("two.test");
    asks("three.test");
    expect(scene.asked).toHaveLength(2);
    expect(scene.verdict).toEqual([2, 0]);
    scene.answer(scene.asked[0]!, response({ questions: [question("one.test")] }));
    asks("four.test");
    expect(scene.asked).toHaveLength(2);
  });

  test("stopped: new ones are dropped, those in flight are answered", () => {
    const scene = new Scene();
    scene.query({ id: 7 });
    scene.resolver.stop();
    expect(scene.query({ id: 8 })).toBe(false);
    expect(scene.query({ id: 9 }, "8.8.8.8")).toBe(false);
    scene.answer(scene.asked[0]!, response());
    expect(scene.sink.sent.map(({ octets }) => octets[1])).toEqual([7]);
  });
});

describe("answered by an upstream", () => {
  test("goes to who asked, with the ID and the case it was asked with", () => {
    const scene = new Scene();
    scene.query({ id: 0xbeef, questions: [question("A.Test")] }, "192.168.1.2", 4711);
    expect(scene.asked[0]!.deadlineMs).toBe(scene.clock.nowMs() + 4000);
    scene.answer(scene.asked[0]!, response({ id: 1, answers: [address()] }));
    const { octets, port } = scene.sink.sent[0]!;
    expect(port).toBe(4711);
    expect([...octets]).toEqual([...response({ id: 0xbeef, questions: [question("A.Test")], answers: [address()] })]);
  });

  const long = response({ answers: new Array(60).fill(address()), additional: [opt({ options: option(15, [0, 3]) })] });
  test.each([
    ["without EDNS, 512 octets", {}, 1232, true],
    ["with EDNS, what it said, at most 1232", edns, 1232, false],
    ["with a lower limit of ours", edns, 600, true],
    ["over TCP", {}, 65_535, false],
  ] as [string, MessageParts, number, boolean][])("a long answer %s: TC", (_what, parts, max, isCut) => {
    const scene = new Scene({}, new FakeSink(max));
    scene.query(parts);
    scene.answer(scene.asked[0]!, long);
    expect((scene.sink.sent[0]!.octets[2]! & 2) !== 0).toBe(isCut);
  });

  test("a bare error header gets its question back", () => {
    const scene = new Scene();
    scene.query({ id: 5, ...edns });
    scene.answer(scene.asked[0]!, response({ questions: [], flags: 0x8185 }));
    expect([...scene.sink.sent[0]!.octets.subarray(0, 24)]).toEqual([
      0,
      5,
      0x81,
      0x85,
      0,
      1,
      0,
      0,
      0,
      0,
      0,
      1,
      ...question("a.test"),
    ]);
  });

  test("an answer of any size fits the room that was asked for", () => {
    for (let octets = 0; octets < 700; octets += 7) {
      const scene = new Scene();
      scene.query(edns);
      const options = option(15, new Array(octets % 100).fill(0));
      const additional = [opt({ options }), record([0], 65_280, new Array(octets).fill(1))];
      scene.answer(
        scene.asked[0]!,
        response({ answers: [record([0], 65_281, new Array(octets).fill(2))], additional }),
      );
      expect(scene.sink.sent).toHaveLength(1);
    }
  });
});

describe("a client that does not take what it is sent", () => {
  const parts = (id: number) => ({ id, questions: [question("big.test")] });
  const answered = response({ questions: [question("big.test")] });

  test("is handled anew when it does; others are answered, and nothing is composed meanwhile", () => {
    for (const outcome of ["answer", "failure"] as const) {
      const scene = new Scene();
      const settle = () => {
        if (outcome === "answer") scene.answer(scene.asked[0]!, answered);
        else scene.fail(scene.asked[0]!, "timeout");
      };
      for (const id of [1, 2, 3]) scene.query(parts(id), "127.0.0.1", 5300 + id);
      expect(scene.asked).toHaveLength(1);
      scene.sink.isFull = true;
      settle();
      expect(scene.sink.sent).toEqual([]);
      expect([scene.resolver.waiting, scene.sink.heldBack.length]).toEqual([3, 3]);
      scene.sink.isFull = false;
      for (const answer of scene.sink.heldBack.splice(0)) answer(false);
      // Nothing is kept here, so an answer is asked for again, once; a failure is remembered.
      expect(scene.asked).toHaveLength(outcome === "answer" ? 1 : 0);
      if (outcome === "answer") settle();
      const sent = scene.sink.sent.map(({ octets, port }) => [octets[1], port]).sort();
      expect(sent).toEqual([1, 2, 3].map((id) => [id, 5300 + id]));
      expect(scene.resolver.waiting).toBe(0);
    }
  });

  test("is forgotten when it is gone, and its place is used again", () => {
    const scene = new Scene();
    for (const id of [1, 2]) scene.query(parts(id));
    scene.sink.isFull = true;
    scene.answer(scene.asked[0]!, answered);
    for (const answer of scene.sink.heldBack.splice(0)) answer(true);
    expect([scene.resolver.waiting, scene.asked.length, scene.sink.sent.length]).toEqual([0, 0, 0]);
    scene.sink.isFull = false;
    for (const id of [3, 4, 5]) scene.query(parts(id));
    scene.answer(scene.asked[0]!, answered);
    expect(scene.sink.sent.map(({ octets }) => octets[1]).sort()).toEqual([3, 4, 5]);
  });
});

describe("when every upstream failed: SERVFAIL, and why", () => {
  const errors: [UpstreamErrorCode, number][] = [
    ["connect", 23],
    ["authentication", 23],
    ["closed", 23],
    ["unresolved", 23],
    ["timeout", 22],
    ["malformed", 22],
    ["overloaded", 0],
    ["stopping", 0],
  ];
  test.each(errors)("%s is EDE %p", (code, ede) => {
    const scene = new Scene();
    scene.query(edns);
    scene.fail(scene.asked[0]!, code);
    expect(scene.verdict).toEqual([2, ede]);
  });

  test.each([
    ["FORMERR", 1],
    ["NOTIMP", 4],
  ])("%s, with the question or without, is the client's, and for a moment everyone's", (_name, rcode) => {
    for (const questions of [[], [question("a.test")]]) {
      const scene = new Scene();
      scene.query(edns);
      scene.answer(scene.asked[0]!, response({ flags: 0x8180 | rcode, questions }));
      expect(scene.verdict).toEqual([rcode, undefined]);
      expect([...scene.sink.sent[0]!.octets.subarray(12, 20)]).toEqual(question("a.test").slice(0, 8));
      scene.query({ ...edns, id: 0x4321 });
      expect(scene.asked).toHaveLength(0);
      expect(scene.sink.sent[1]!.octets.subarray(2)).toEqual(scene.sink.sent[0]!.octets.subarray(2));
      expect(scene.resolver.counters.answers("memory")[rcode]).toBe(1);
      scene.clock.advance(1000);
      scene.query(edns);
      expect(scene.asked).toHaveLength(1);
    }
  });

  test("also when it fails before ask() returns", () => {
    const failsAtOnce = {
      ask: (exchange: Exchange) => exchange.onFailure(new UpstreamError("connect", "for a test")),
      inFlight: 0,
    };
    const scene = new Scene({ upstreams: failsAtOnce });
    for (let id = 1; id <= 3; id++) expect(scene.query({ id })).toBe(true);
    expect(scene.sink.sent.map(({ octets }) => octets[1])).toEqual([1, 2, 3]);
  });
});

test("queries are pooled and never mixed up: each is answered exactly once, to its own client, with its own name", () => {
  const kinds = ["ask", "ask", "ask", "answer", "fail", "refused", "garbage"] as const;
  const steps = fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat()), { maxLength: 150 });
  fc.assert(
    fc.property(steps, (schedule) => {
      const scene = new Scene();
      let next = 1;
      const isTaken = new Map<number, boolean>();
      const ask = (parts: MessageParts): void => {
        const id = next++;
        isTaken.set(id, scene.query({ id, questions: [question(`n${id}.test`)], ...parts }, "10.0.0.1", id));
      };
      const act = { ask: () => ask({}), refused: () => ask({ flags: 0 }), garbage: () => ask({ flags: 0x8000 }) };
      for (const [kind, which] of schedule) {
        const exchange = scene.asked[which % Math.max(1, scene.asked.length)];
        if (kind !== "answer" && kind !== "fail") act[kind]();
        else if (exchange !== undefined) settle(scene, exchange, kind);
      }
      for (const exchange of [...scene.asked]) settle(scene, exchange, "answer");
      const wanted = [...isTaken].filter(([, taken]) => taken).map(([id]) => id);
      expect(scene.sink.sent.map(({ port }) => port).sort((a, b) => a - b)).toEqual(wanted);
      for (const { octets, port } of scene.sink.sent) {
        expect((octets[0]! << 8) | octets[1]!).toBe(port);
        expect([...octets.subarray(12, 12 + question(`n${port}.test`).length)]).toEqual(question(`n${port}.test`));
      }
    }),
    { seed: 23, numRuns: 150 },
  );
});

function settle(scene: Scene, exchange: Exchange, how: "answer" | "fail"): void {
  const { question: octets, questionOctets } = exchange.query;
  if (how === "fail") scene.fail(exchange, "timeout");
  else scene.answer(exchange, response({ questions: [[...octets.subarray(0, questionOctets)]], answers: [address()] }));
}

describe("counts", () => {
  const allAnswers = ({ resolver }: Scene) =>
    sources.flatMap((source) => [...resolver.counters.answers(source)]).reduce((a, b) => a + b, 0);

  test("each query by its transport, each answer by source and RCODE, what is dropped and turned away", () => {
    const scene = new Scene({ maxInFlight: 3 });
    const { counters } = scene.resolver;
    for (const name of ["a.test", "b.test", "c.test"]) scene.query({ questions: [question(name)] });
    scene.query({ questions: [question("d.test")] }); // too many
    scene.query({}, "8.8.8.8");
    scene.query({ flags: 0 });
    scene.octets(new Uint8Array(11));
    scene.clock.advance(8);
    scene.answer(scene.asked[0]!, response({ answers: [address(), address()] }));
    scene.answer(scene.asked[0]!, message({ flags: 0x8183 }));
    scene.fail(scene.asked[0]!, "timeout");
    expect([counters.queries("udp"), counters.queries("tcp")]).toEqual([6, 0]);
    expect([...counters.answers("upstream").slice(0, 6)]).toEqual([1, 0, 0, 1, 0, 0]);
    expect([...counters.answers("own").slice(0, 6)]).toEqual([0, 0, 2, 0, 0, 2]);
    expect(allAnswers(scene)).toBe(6);
    expect([counters.dropped, counters.forbidden, counters.overloaded, counters.truncated]).toEqual([1, 1, 1, 0]);
    expect(sources.map((source) => counters.times(source).sumMs)).toEqual([0, 0, 16, 0, 8]);
  });

  test("queries over TCP, answers that did not fit, and an error in a bare header as the upstream's", () => {
    const scene = new Scene({}, new FakeSink());
    scene.query();
    scene.answer(scene.asked[0]!, message({ flags: 0x8185, questions: [] }));
    expect(scene.resolver.counters.queries("tcp")).toBe(1);
    expect(scene.resolver.counters.answers("upstream")[5]).toBe(1);
    const narrow = new Scene();
    narrow.query();
    narrow.answer(narrow.asked[0]!, response({ answers: Array.from({ length: 80 }, () => address()) }));
    expect(narrow.resolver.counters.truncated).toBe(1);
  });

  test("RCODEs without a place of their own together", () => {
    const counters = new ResolverCounters();
    for (const rcode of [23, 24, 4095]) counters.answered("own", rcode);
    expect([...counters.answers("own").slice(23)]).toEqual([1, 2]);
  });
});

describe("a name that failed (RFC 9520)", () => {
  const servfail = { flags: 0x8182, additional: [opt({ options: option(15, [0, 6, 98, 97, 100]) })] };
  const asks = (scene: Scene, name: string, parts: MessageParts = {}) =>
    scene.query({ questions: [question(name)], ...edns, ...parts });

  test("is answered from memory for a second, as it was answered first: ID and case as asked, EDE with its text", () => {
    const scene = new Scene();
    asks(scene, "bad.test", { id: 1 });
    scene.answer(scene.asked[0]!, response({ questions: [question("bad.test")], ...servfail }));
    asks(scene, "BAD.test", { id: 2 });
    expect(scene.asked).toEqual([]);
    const [first, second] = scene.sink.sent.map(({ octets }) => octets);
    expect(second!.subarray(0, 2)).toEqual(Uint8Array.of(0, 2));
    expect(second!.subarray(2, 12)).toEqual(first!.subarray(2, 12));
    expect(Buffer.from(second!).includes("BAD")).toBe(true);
    expect(Buffer.from(second!).includes(Buffer.from([0, 15, 0, 5, 0, 6, 98, 97, 100]))).toBe(true);
    expect(scene.resolver.counters.answers("memory")[2]).toBe(1);
  });

  test("is asked again after that, and remembered for longer each time, up to a bound", () => {
    const scene = new Scene();
    const rememberedMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      asks(scene, "bad.test");
      scene.answer(scene.asked[0]!, response({ questions: [question("bad.test")], ...servfail }));
      const fromMs = scene.clock.nowMs();
      for (asks(scene, "bad.test"); scene.asked.length === 0; asks(scene, "bad.test")) scene.clock.advance(100);
      rememberedMs.push(scene.clock.nowMs() - fromMs);
      scene.fail(scene.asked[0]!, "stopping");
    }
    expect(rememberedMs).toEqual([1000, 2000, 4000, 5000, 5000]);
  });

  test("is forgotten once it is resolved: the next failure is a first one", () => {
    const scene = new Scene();
    const failsAndRests = (): number => {
      asks(scene, "bad.test");
      scene.answer(scene.asked[0]!, response({ questions: [question("bad.test")], ...servfail }));
      const fromMs = scene.clock.nowMs();
      for (asks(scene, "bad.test"); scene.asked.length === 0; asks(scene, "bad.test")) scene.clock.advance(100);
      return scene.clock.nowMs() - fromMs;
    };
    expect(failsAndRests()).toBe(1000);
    scene.answer(scene.asked[0]!, response({ questions: [question("bad.test")], flags: 0x8180 }));
    expect(failsAndRests()).toBe(1000);
  });

  test("says nothing about another name, another type, or the same one with CD or DO", () => {
    const scene = new Scene();
    asks(scene, "bad.test");
    scene.answer(scene.asked[0]!, response({ questions: [question("bad.test")], ...servfail }));
    asks(scene, "good.test");
    asks(scene, "bad.test", { questions: [question("bad.test", 28)] });
    asks(scene, "bad.test", { flags: 0x0110 });
    asks(scene, "bad.test", { additional: [opt({ size: 4096, dnssecOk: true })] });
    expect(scene.asked).toHaveLength(4);
  });

  test("REFUSED is passed on from memory as it was said, with its EDE, and a long response without its records", () => {
    const scene = new Scene();
    const refused = { flags: 0x8185, additional: [opt({ options: option(15, [0, 20, 120]) })] };
    asks(scene, "no.test");
    scene.answer(scene.asked[0]!, response({ questions: [question("no.test")], ...refused }));
    asks(scene, "no.test");
    expect(scene.asked).toEqual([]);
    const [first, second] = scene.sink.sent.map(({ octets }) => octets);
    expect([...second!.subarray(2)]).toEqual([...first!.subarray(2)]);
    expect(scene.resolver.counters.answers("memory")[5]).toBe(1);
    asks(scene, "long.test");
    const long = { flags: 0x8185, answers: Array.from({ length: 80 }, () => address()) };
    scene.answer(scene.asked[0]!, response({ questions: [question("long.test")], ...long }));
    asks(scene, "long.test");
    expect(scene.asked).toEqual([]);
    expect(scene.sink.sent.at(-1)!.octets[3]! & 15).toBe(5);
  });

  test.each(["connect", "closed", "authentication", "unresolved"] as const)(
    "rests for a second, and no longer each time, when its upstreams are the likelier cause: %s",
    (code) => {
      const scene = new Scene();
      const restedMs: number[] = [];
      for (let i = 0; i < 3; i++) {
        asks(scene, "a.test");
        scene.fail(scene.asked[0]!, code);
        const fromMs = scene.clock.nowMs();
        for (asks(scene, "a.test"); scene.asked.length === 0; asks(scene, "a.test")) scene.clock.advance(100);
        restedMs.push(scene.clock.nowMs() - fromMs);
        scene.fail(scene.asked[0]!, "stopping");
      }
      expect(restedMs).toEqual([1000, 1000, 1000]);
    },
  );

  test("that ended connections rests for longer each time; nothing is remembered of this host's own trouble", () => {
    expect(restAfter(GUILTY)).toBe("growing");
    const cause = Object.assign(new Error("x"), { code: "ENETUNREACH" });
    expect(restAfter(new UpstreamError("connect", "x", { cause }))).toBe("none");
  });
});
