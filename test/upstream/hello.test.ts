/** ClientHellos that lead nowhere: a smaller one is tried, and remembered where it works. */

import { describe, expect, test } from "bun:test";
import type { TlsHello } from "../../src/config/config.ts";
import type { ByteStream } from "../../src/runtime/runtime.ts";
import { Hello } from "../../src/upstream/dial/hello.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeDial } from "../support/fake-upstream.ts";

class Scene {
  readonly clock = new FakeClock();
  readonly dials: FakeDial[] = [];
  readonly diary: string[] = [];
  readonly hello: Hello;

  constructor(setting: TlsHello = "auto") {
    const dialTls = (options: ConstructorParameters<typeof FakeDial>[1]): ByteStream => {
      const dial = new FakeDial(this.clock, options);
      this.dials.push(dial);
      return dial.stream;
    };
    this.hello = new Hello(setting, this.clock, dialTls, { fullMs: 1000, rememberMs: 3_600_000 }, () =>
      this.diary.push("only small"),
    );
  }

  dial(): ByteStream {
    return this.hello.dial({
      address: { host: "192.0.2.1", port: 853 },
      adn: "dot.test",
      trust: { pem: [], context: undefined },
      alpn: ["dot"],
      session: Uint8Array.of(7),
      checkLeaf: () => undefined,
      onSession: () => {},
      onSecure: () => this.diary.push("secure"),
      handler: {
        onOctets: (octets) => this.diary.push(`octets ${octets.join()}`),
        onEnd: () => this.diary.push("end"),
        onDrain: () => {},
        onClose: (cause) => this.diary.push(`close ${(cause as NodeJS.ErrnoException | undefined)?.code}`),
      },
    });
  }

  connected(n: number): FakeDial {
    this.dials[n]!.options.onConnect?.();
    return this.dials[n]!;
  }

  get sizes(): (string | undefined)[] {
    return this.dials.map(({ options }) => options.hello);
  }

  get destroyed(): boolean[] {
    return this.dials.map(({ stream }) => stream.destroyed);
  }
}

describe("a handshake that dies before it is done", () => {
  test.each(["ECONNRESET", undefined])("by %p: a small hello at once, without the ticket, and from then on", (code) => {
    const scene = new Scene();
    const stream = scene.dial();
    scene.connected(0).close(code === undefined ? undefined : Object.assign(new Error(code), { code }));
    expect(scene.sizes).toEqual(["full", "small"]);
    expect(scene.dials.map(({ options }) => options.session)).toEqual([Uint8Array.of(7), undefined]);
    scene.connected(1).secure();
    stream.write(Uint8Array.of(1));
    expect(scene.dials[1]!.stream.writes).toEqual([Uint8Array.of(1)]);
    scene.dials[1]!.stream.receive(Uint8Array.of(2));
    expect(scene.diary).toEqual(["only small", "secure", "octets 2"]);
    scene.dial();
    expect(scene.sizes).toEqual(["full", "small", "small"]);
    scene.clock.advance(3_600_000);
    scene.dial();
    expect(scene.sizes.at(-1)).toBe("full");
  });

  test("by silence: a small one 1 s after TCP connected, and whichever is ready first wins", () => {
    for (const winner of [0, 1]) {
      const scene = new Scene();
      scene.dial();
      scene.clock.advance(400);
      scene.connected(0);
      scene.clock.advance(999);
      expect(scene.sizes).toEqual(["full"]);
      scene.clock.advance(1);
      expect(scene.sizes).toEqual(["full", "small"]);
      scene.connected(1);
      scene.dials[winner]!.secure();
      expect(scene.destroyed).toEqual([winner === 1, winner === 0]);
      expect(scene.diary).toEqual(winner === 0 ? ["secure"] : ["only small", "secure"]);
      expect(scene.hello.size).toBe(winner === 0 ? "full" : "small");
      scene.dials[1 - winner]!.options.handler.onEnd(); // the other's end is its own
      expect(scene.diary.at(-1)).toBe("secure");
      scene.dials[winner]!.close();
      expect(scene.diary.at(-1)).toBe("close undefined");
      expect(scene.clock.timers).toBe(0);
    }
  });

  test("and so does the small one: one end, of the reason of the first, and nothing is remembered", () => {
    const scene = new Scene();
    scene.dial();
    scene.connected(0).fail("ECONNRESET");
    expect(scene.diary).toEqual([]);
    scene.connected(1).fail("EPIPE");
    expect(scene.diary).toEqual(["close ECONNRESET"]);
    expect(scene.hello.size).toBe("full");
    expect(scene.clock.timers).toBe(0);
  });

  test("after the small one began: the other is still waited for", () => {
    const scene = new Scene();
    scene.dial();
    scene.connected(0);
    scene.clock.advance(1000);
    scene.connected(1).fail("ECONNRESET");
    expect(scene.diary).toEqual([]);
    scene.dials[0]!.secure();
    expect(scene.diary).toEqual(["secure"]);
  });
});

describe("what is no matter of size", () => {
  test("a connection refused, a certificate refused, an alert", () => {
    for (const [connected, code] of [
      [false, "ECONNREFUSED"],
      [true, "CERT_HAS_EXPIRED"],
      [true, "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE"],
    ] as const) {
      const scene = new Scene();
      scene.dial();
      if (connected) scene.connected(0);
      scene.dials[0]!.fail(code);
      expect([scene.sizes, scene.diary]).toEqual([["full"], [`close ${code}`]]);
    }
  });

  test("given up by its owner: nothing more is begun", () => {
    for (const afterMs of [0, 1000]) {
      const scene = new Scene();
      const stream = scene.dial();
      scene.connected(0);
      scene.clock.advance(afterMs);
      stream.destroy();
      scene.clock.advance(5000);
      expect(scene.dials).toHaveLength(afterMs === 0 ? 1 : 2);
      expect(scene.destroyed).not.toContain(false);
      expect(scene.diary).toEqual(["close undefined"]);
    }
  });
});

test("a setting: always the one, and no second try", () => {
  for (const setting of ["small", "full"] as const) {
    const scene = new Scene(setting);
    scene.dial();
    scene.connected(0).fail("ECONNRESET");
    expect([scene.sizes, scene.diary]).toEqual([[setting], ["close ECONNRESET"]]);
  }
});

test("a small one that TLS refuses is used no more, nor after the way changed", () => {
  const small = (): Scene => {
    const scene = new Scene();
    scene.dial();
    scene.connected(0).fail("ECONNRESET");
    scene.connected(1).secure();
    return scene;
  };
  const refused = small();
  refused.dial();
  refused.dials[2]!.fail("ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE");
  expect(refused.hello.size).toBe("full");
  const reset = small();
  reset.dial();
  reset.dials[2]!.fail("ECONNRESET");
  expect(reset.hello.size).toBe("small");
  reset.hello.forget();
  expect(reset.hello.size).toBe("full");
});
