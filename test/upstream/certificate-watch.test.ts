import { beforeAll, describe, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import type { PeerLeaf } from "../../src/runtime/runtime.ts";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { CertificateWatch } from "../../src/upstream/health/certificate-watch.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { FakeLog } from "../support/fake-log.ts";
import { identity } from "../support/fake-upstream.ts";
import { Scene as SetScene } from "../support/fake-upstream-group.ts";

const DAY_MS = 86_400_000;
const MANY_DAYS = 60;

interface Shown {
  readonly leaf: PeerLeaf;
  readonly pin: string;
}

/** Certificates with a key each, from yesterday for 31 days by their dates. */
let shown: Shown[];
beforeAll(async () => {
  const authority = await makeAuthority("good", ["dot.test"], () => new FakeClock().wallMs());
  const issued = await Promise.all(Array.from({ length: 10 }, () => authority.issue()));
  shown = issued.map(({ chainPem, spkiPin }) => {
    const raw = new Uint8Array(new X509Certificate(chainPem).raw);
    return { leaf: { raw, subjectAltName: "DNS:dot.test", notAfterMs: 0 }, pin: spkiPin };
  });
});

class Scene {
  readonly clock = new FakeClock();
  readonly log = new FakeLog();
  readonly watch = new CertificateWatch("x", this.clock, this.log);
  readonly startMs = this.clock.wallMs();

  /** A handshake with certificate `i`, which ends so many days after the scene's beginning. */
  saw(i: number, days = MANY_DAYS): void {
    this.watch.saw({ ...shown[i]!.leaf, notAfterMs: this.startMs + days * DAY_MS });
  }

  /** The lines since the last look. */
  lines(): string[] {
    return this.log.lines.splice(0);
  }
}

const newKey = (i: number) =>
  `info upstream x: its certificate has another key than before; it is pin=${shown[i]!.pin}`;

describe("keys", () => {
  test("the first is no news, nor is the same again; another is, once", () => {
    const scene = new Scene();
    scene.saw(0);
    scene.saw(0);
    expect(scene.lines()).toEqual([]);
    scene.saw(1);
    scene.saw(1);
    expect(scene.lines()).toEqual([newKey(1)]);
    expect(scene.log.fields[0]).toMatchObject({ upstream: "x", pin: shown[1]!.pin });
  });

  test("machines behind one address with a key each are told once each, in whatever order they answer", () => {
    const scene = new Scene();
    for (let round = 0; round < 5; round++) for (const i of [0, 1, 2]) scene.saw(i);
    expect(scene.lines()).toEqual([newKey(1), newKey(2)]);
  });

  test("what is remembered has a bound: the one longest unseen is forgotten", () => {
    const scene = new Scene();
    for (let i = 0; i < 8; i++) scene.saw(i);
    scene.saw(0);
    scene.saw(8);
    scene.lines();
    scene.saw(0);
    expect(scene.lines()).toEqual([]);
    scene.saw(1);
    expect(scene.lines()).toEqual([newKey(1)]);
  });

  test("a certificate that cannot be read is no news", () => {
    const scene = new Scene();
    scene.saw(0);
    scene.watch.saw({ raw: Uint8Array.of(1), subjectAltName: undefined, notAfterMs: scene.startMs + 90 * DAY_MS });
    expect(scene.lines()).toEqual([]);
  });
});

describe("days left", () => {
  const ends = (left: string) =>
    expect.stringMatching(new RegExp(`^warn upstream x: its certificate ends in ${left}, on 20`));

  test("one warning below 14, 7, 3 and 1 each, however many handshakes", () => {
    const scene = new Scene();
    const told: unknown[] = [];
    for (let hour = 0; hour < 60 * 24; hour++) {
      scene.saw(0);
      told.push(...scene.lines());
      scene.clock.advance(DAY_MS / 24);
    }
    expect(told).toEqual([ends("13 days"), ends("6 days"), ends("2 days"), ends("less than a day")]);
  });

  test("met late, one warning says it all", () => {
    const scene = new Scene();
    scene.saw(0);
    scene.clock.advance((MANY_DAYS - 1.5) * DAY_MS);
    scene.saw(0);
    scene.saw(0);
    expect(scene.lines()).toEqual([ends("1 day")]);
    expect(scene.log.fields[0]).toMatchObject({ upstream: "x", daysLeft: 1 });
  });

  test("exactly 14 are enough", () => {
    const scene = new Scene();
    scene.saw(0, 14);
    expect(scene.lines()).toEqual([]);
  });

  test("a renewed certificate is watched afresh", () => {
    const scene = new Scene();
    scene.saw(0, 10);
    scene.saw(1, 70);
    scene.clock.advance(60 * DAY_MS);
    scene.lines();
    scene.saw(1, 70);
    expect(scene.lines()).toEqual([ends("10 days")]);
  });

  test("one that lives for six days is fine with three", () => {
    const scene = new Scene();
    scene.saw(0, 5);
    expect(scene.lines()).toEqual([]);
    scene.clock.advance(3 * DAY_MS);
    scene.saw(0, 5);
    expect(scene.lines()).toEqual([]);
    scene.clock.advance(1.5 * DAY_MS);
    scene.saw(0, 5);
    expect(scene.lines()).toEqual([ends("less than a day")]);
  });
});

test("only handshakes that passed are watched", () => {
  const scene = new SetScene([identity("10.0.0.1")]);
  scene.set.warm();
  const handshake = (i: number, passes: boolean) => {
    const dial = scene.network.last;
    dial.options.checkLeaf({ ...shown[i]!.leaf, notAfterMs: scene.clock.wallMs() + MANY_DAYS * DAY_MS });
    if (passes) dial.secure().close();
    else dial.fail("ERR_TLS_CERT_ALTNAME_INVALID");
    scene.clock.advance(60_000);
    scene.ask("next");
  };
  handshake(0, true);
  handshake(1, false);
  handshake(2, true);
  const keys = scene.network.log.told.filter((line) => line.includes("another key"));
  expect(keys).toEqual([newKey(2).replace("upstream x", "upstream 10.0.0.1")]);
});
