import { describe, expect, test } from "bun:test";
import { TimeServerNames } from "../../src/policy/wrong-clock.ts";
import { UpstreamsByClock } from "../../src/resolver/upstreams-by-clock.ts";
import type { Exchange } from "../../src/upstream/exchange.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeLog } from "../support/fake-log.ts";
import { FakeExchange } from "../support/fake-upstream.ts";

/** What the fake clock says before any time has passed. */
const startMs = new FakeClock().wallMs();
const BEHIND_MS = 10_000;

class FakeSet {
  readonly asked: Exchange[] = [];
  readonly calls: string[] = [];
  ask = (exchange: Exchange): void => void this.asked.push(exchange);
  renew = (): void => void this.calls.push("renew");
  stop = async (boundMs: number): Promise<void> => void this.calls.push(`stop ${boundMs}`);
  get inFlight(): number {
    return this.asked.length;
  }
}

class Scene {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly strict = new FakeSet();
  readonly waived: FakeSet[] = [];
  readonly upstreams: UpstreamsByClock;

  /** The clock is right after `behindMs`. */
  constructor({ behindMs = BEHIND_MS, names = ["time.test"], hasPin = true } = {}) {
    this.upstreams = new UpstreamsByClock({
      clock: this.clock,
      log: this.log,
      builtMs: startMs + behindMs,
      strict: this.strict,
      timeServers: names.length > 0 ? new TimeServerNames(names) : undefined,
      datesWaived: hasPin ? () => this.waived[this.waived.push(new FakeSet()) - 1]! : undefined,
      onRight: () => void this.strict.calls.push("right"),
    });
  }

  /** Asks for LABEL.test; says which set got it. */
  ask(label: string): string {
    const before = this.strict.asked.length;
    this.upstreams.ask(new FakeExchange(label), 0);
    return this.strict.asked.length > before ? "strict" : "waived";
  }
}

test("with the right clock everything is asked strictly, nothing is said, and no timer runs", () => {
  const scene = new Scene({ behindMs: 0 });
  scene.upstreams.look();
  expect([scene.ask("time"), scene.ask("other")]).toEqual(["strict", "strict"]);
  expect([scene.log.lines, scene.waived, scene.clock.timers]).toEqual([[], [], 0]);
});

describe("while the clock is behind", () => {
  test("the names listed, and no others, go to those with pins", () => {
    const scene = new Scene();
    expect(["time", "other", "TIME", "timer"].map((label) => scene.ask(label))).toEqual([
      "waived",
      "strict",
      "waived",
      "strict",
    ]);
    expect(scene.waived).toHaveLength(1);
    expect(scene.upstreams.inFlight).toBe(4);
  });

  test.each([
    ["no pin", { hasPin: false }, "set it, or pin an upstream, over which the names of --time-server can be resolved"],
    ["no names", { names: [] }, "set it, or list its time servers with --time-server"],
    [
      "neither",
      { names: [], hasPin: false },
      "set it, or list its time servers with --time-server and pin an upstream",
    ],
    ["both", {}, "until it is set, the names of --time-server are resolved over the upstreams with pins"],
  ])("%s: one line that says what to do", (what, parts, advice) => {
    const scene = new Scene(parts);
    scene.upstreams.look();
    for (let i = 0; i < 3; i++) {
      expect(scene.ask("time")).toBe(what === "both" ? "waived" : "strict");
      scene.clock.advance(1000);
    }
    expect(scene.log.lines).toEqual([
      "warn the clock of this host says 2023-11-14T22:13:21Z, before this fdns was built (2023-11-14T22:13:31Z): " +
        `certificates cannot be checked; ${advice}`,
    ]);
  });
});

describe("when the clock is right again", () => {
  test("that is noticed within a second, said once, and nothing of before is held against the upstreams", () => {
    const scene = new Scene();
    scene.ask("time");
    scene.clock.advance(BEHIND_MS + 1000);
    expect(scene.strict.calls).toEqual(["renew", "right"]);
    expect(scene.waived[0]!.calls).toEqual(["renew"]);
    expect(scene.ask("time")).toBe("strict");
    expect(scene.log.lines.slice(1)).toEqual([expect.stringMatching(/^info the clock of this host says 2023.* now: /)]);
    expect(scene.clock.timers).toBe(0);
  });

  test("a query sooner than that notices it too", () => {
    const scene = new Scene({ behindMs: 500 });
    scene.ask("time");
    scene.clock.advance(500);
    expect(scene.ask("time")).toBe("strict");
    expect([scene.log.lines.length, scene.clock.timers]).toEqual([2, 0]);
  });
});

test("stop() ends both sets, and the looking", async () => {
  const scene = new Scene();
  scene.ask("time");
  await scene.upstreams.stop(300);
  expect([scene.strict.calls, scene.waived[0]!.calls]).toEqual([["stop 300"], ["stop 300"]]);
  expect(scene.clock.timers).toBe(0);
});
