import { describe, expect, test } from "bun:test";
import { UpstreamError } from "../../src/upstream/exchange.ts";
import { identity } from "../support/fake-upstream.ts";
import { Scene, told } from "../support/fake-upstream-group.ts";

describe("an upstream given by name", () => {
  const named = () => new Scene([identity("dns.test", { addresses: [], hostName: "dns.test", adn: "dns.test" })]);

  test("is looked up once for all who wait, then dialled", () => {
    const scene = named();
    const asked = scene.ask("a", "b");
    expect(scene.network.lookUps).toHaveLength(1);
    expect(scene.network.lookUps[0]!.hostName).toBe("dns.test");
    scene.network.lookUps[0]!.done(["10.0.0.7"]);
    scene.network.last.secure().answerAll();
    expect(told(asked)).toEqual(["answer 0", "answer 0"]);
    scene.ask("c");
    expect(scene.network.lookUps).toHaveLength(1);
  });

  test("a failed look-up fails who waits, and is not repeated for a moment", () => {
    const scene = named();
    const asked = scene.ask("a", "b");
    scene.network.lookUps[0]!.done(new UpstreamError("unresolved", "its name is unknown"));
    asked.push(...scene.ask("c"));
    expect(told(asked)).toEqual(["unresolved", "unresolved", "unresolved"]);
    expect(scene.network.lookUps).toHaveLength(1);
    scene.clock.advance(1000);
    scene.ask("d");
    expect(scene.network.lookUps).toHaveLength(2);
  });

  /** A named upstream whose addresses were found, and both refuse. */
  const refusing = () => {
    const scene = named();
    scene.ask("a");
    scene.network.lookUps[0]!.done(["10.0.0.7", "10.0.0.8"]);
    scene.network.last.fail("ECONNREFUSED");
    expect(scene.network.lookUps).toHaveLength(1);
    scene.network.last.fail("ECONNREFUSED");
    return scene;
  };

  test("is looked up again when every address failed, once, and asked at the new ones", () => {
    const scene = refusing();
    expect(scene.network.lookUps).toHaveLength(2);
    scene.network.lookUps[1]!.done(["10.0.0.9"]);
    expect(scene.network.dials).toHaveLength(2); // a look-up gives no reason to dial
    scene.clock.advance(1000);
    const asked = scene.ask("b");
    scene.network.last.secure().answerAll();
    expect(scene.hosts).toEqual(["10.0.0.7", "10.0.0.8", "10.0.0.9"]);
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.network.lookUps).toHaveLength(2);
  });

  test.each([
    ["has not answered yet", undefined],
    ["knows nothing", new UpstreamError("unresolved", "its name is unknown")],
  ])("while the bootstrap %s, the addresses of before are tried", (_what, found) => {
    const scene = refusing();
    if (found !== undefined) scene.network.lookUps[1]!.done(found);
    scene.clock.advance(1000);
    const asked = scene.ask("b");
    scene.network.last.secure().answerAll();
    expect(scene.hosts.slice(2)).toEqual(["10.0.0.7"]);
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.network.log.told).toEqual([
      "warn upstream dns.test: connection refused",
      "info upstream dns.test: works again",
    ]);
  });

  test("is dialled at what is known first; what comes later joins the race, once it is under way", () => {
    const scene = named();
    const asked = scene.ask("a");
    const { done } = scene.network.lookUps[0]!;
    done(["10.0.0.7"], false);
    expect(scene.hosts).toEqual(["10.0.0.7"]);
    scene.clock.advance(300);
    done(["2001:db8::7", "10.0.0.7"], true);
    scene.clock.advance(250);
    expect(scene.hosts).toEqual(["10.0.0.7", "2001:db8::7"]);
    scene.network.last.secure().answerAll();
    expect(told(asked)).toEqual(["answer 0"]);
    expect(scene.network.lookUps).toHaveLength(1);
  });

  test("what comes after the first failed is tried at once, without a look-up of its own", () => {
    const scene = named();
    const asked = scene.ask("a");
    const { done } = scene.network.lookUps[0]!;
    done(["10.0.0.7"], false);
    scene.network.last.fail("ECONNREFUSED");
    expect(told(asked)).toEqual(["connect"]);
    done(["2001:db8::7", "10.0.0.7"], true);
    const later = scene.ask("b");
    expect(scene.hosts).toEqual(["10.0.0.7", "2001:db8::7"]);
    scene.network.last.secure().answerAll();
    expect(told(later)).toEqual(["answer 0"]);
    expect(scene.network.lookUps).toHaveLength(1);
  });

  test("the same addresses once more change nothing", () => {
    const scene = named();
    const asked = scene.ask("a");
    const { done } = scene.network.lookUps[0]!;
    done(["10.0.0.7"], false);
    scene.network.last.secure().answerAll();
    done(["10.0.0.7"], true);
    scene.clock.advance(1000);
    expect(scene.hosts).toEqual(["10.0.0.7"]);
    expect(told(asked)).toEqual(["answer 0"]);
  });

  test("a query whose time is over while it waits is not sent", () => {
    const scene = named();
    const asked = scene.ask("a");
    scene.clock.advance(4050);
    expect(told(asked)).toEqual(["timeout"]);
    scene.network.lookUps[0]!.done(["10.0.0.7"]);
    expect(scene.network.last.secure().queries).toEqual([]);
  });

  test("failing and named, it is probed once its look-up is done", () => {
    const scene = new Scene([identity("dns.test", { addresses: [], hostName: "dns.test" }), identity("10.0.0.2")]);
    scene.ask("a");
    scene.network.lookUps[0]!.done(new UpstreamError("unresolved", "its name is unknown"));
    scene.network.last.secure().answerAll();
    scene.clock.advance(1000);
    scene.ask("b");
    scene.clock.advance(20);
    scene.network.lookUps[1]!.done(["10.0.0.7"]);
    expect(scene.network.last.host).toBe("10.0.0.7");
    scene.network.last.secure().answerAll();
    expect(scene.network.log.told.at(-1)).toBe("info upstream dns.test: works again");
  });
});
