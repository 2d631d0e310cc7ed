import { expect, test } from "bun:test";
import { datesWaivedGroup } from "../../src/upstream/dates-waived.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeExchange, FakeNetwork, groupLimits, identity } from "../support/fake-upstream.ts";

const BUILT_MS = 1000;
const pins = { spkiPins: [new Uint8Array(32)] };

function scene(...identities: Parameters<typeof datesWaivedGroup>[0]) {
  const network = new FakeNetwork(new FakeClock());
  return { network, set: datesWaivedGroup(identities, network.parts(), groupLimits, BUILT_MS) };
}

test("only upstreams with pins are dialled, with their dates waived and without a ticket", () => {
  const { network, set } = scene(identity("10.0.0.1"), identity("10.0.0.2", pins), identity("10.0.0.3"));
  set.warm();
  network.last.options.onSession(Uint8Array.of(1));
  network.last.fail("ECONNRESET");
  network.clock.advance(60_000);
  set.ask(new FakeExchange("a", network.clock.nowMs() + 4000), network.clock.nowMs());
  expect(network.dials.map(({ host }) => host)).toEqual(["10.0.0.2", "10.0.0.2"]);
  for (const { options } of network.dials) {
    expect(options).toMatchObject({ datesWaived: true, session: undefined, alpn: ["dot"] });
  }
});

test("no pin, no upstream", () => {
  const { network, set } = scene(identity("10.0.0.1"));
  const exchange = new FakeExchange("a", 5000);
  set.ask(exchange, network.clock.nowMs());
  expect([network.dials, exchange.told]).toEqual([[], ["overloaded"]]);
});

test("the leaf must have the pinned key, and may not have ended before the build", () => {
  const { network, set } = scene(identity("10.0.0.1", pins));
  set.warm();
  const leaf = { raw: new Uint8Array(0), subjectAltName: undefined };
  const { checkLeaf } = network.last.options;
  expect(checkLeaf({ ...leaf, notAfterMs: BUILT_MS - 1 })?.message).toContain("expired before this fdns was built");
  expect(checkLeaf({ ...leaf, notAfterMs: BUILT_MS })?.message).toContain("cannot be compared with a pin");
});
