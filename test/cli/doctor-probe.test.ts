import { beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import type { AddressFacts } from "../../src/cli/doctor/facts.ts";
import { probeAddress } from "../../src/cli/doctor/probe.ts";
import { readName } from "../../src/presentation/name.ts";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { opt, option, record, response } from "../support/fake-messages.ts";
import { fakeRandom } from "../support/fake-random.ts";
import { answerTo, connectionLimits, FakeDial, identity, idOf, upstreamLimits } from "../support/fake-upstream.ts";

const NOW_MS = Date.UTC(2026, 0, 15);
const RRSIG = 46;
const DNSKEY = 48;

let leaf: X509Certificate;

beforeAll(async () => {
  const { chainPem } = await (await makeAuthority("good", ["dot.test"], () => NOW_MS)).issue();
  leaf = new X509Certificate(chainPem);
});

/** An upstream that lets every handshake pass in 3 ms and answers as told, each connection's queries at once. */
async function probed(answer: (query: Uint8Array) => Uint8Array, fails?: string) {
  const clock = new FakeClock();
  const dials: FakeDial[] = [];
  const steps: string[] = [];
  let facts: AddressFacts | undefined;
  const parts = {
    clock,
    random: fakeRandom(5),
    trust: { pem: [], context: undefined },
    limits: connectionLimits,
    answerBoundMs: 1500,
    idleBoundMs: 0,
    tlsHello: "full" as const,
    hello: upstreamLimits.hello,
    dialTls: (options: ConstructorParameters<typeof FakeDial>[1]) => {
      const dial = new FakeDial(clock, options);
      dials.push(dial);
      return dial.stream;
    },
  };
  const upstream = identity("192.0.2.1", { adn: "dot.test" });
  void probeAddress(upstream, "192.0.2.1", parts, (doing) => steps.push(doing)).then((found) => {
    facts = found;
  });
  const answered = new Map<FakeDial, number>();
  for (let turn = 0; facts === undefined && turn < 200; turn++) {
    clock.advance(300);
    for (const dial of dials) {
      if (!answered.has(dial)) secure(dial, fails);
      const queries = dial.queries.slice(answered.get(dial) ?? 0);
      answered.set(dial, dial.queries.length);
      for (const query of queries) dial.send(answer(query));
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { facts: facts!, steps, dials };
}

function secure(dial: FakeDial, fails: string | undefined): void {
  dial.options.onConnect?.();
  if (fails !== undefined) {
    dial.fail(fails);
    return;
  }
  const shown = { raw: leaf.raw, subjectAltName: leaf.subjectAltName, notAfterMs: Date.parse(leaf.validTo) };
  expect(dial.options.checkLeaf(shown)).toBeUndefined();
  dial.options.onChain?.([leaf.raw]);
  dial.options.onSession(Uint8Array.of(9));
  dial.secure();
}

/** The root's keys with a signature, AD, padding and a keepalive of 20 s; anything else plainly. */
function signed(query: Uint8Array): Uint8Array {
  if (query[14] !== DNSKEY) return answerTo(query);
  const rrsig = record([0], RRSIG, [0, DNSKEY, 8, 0, 0, 0, 0, 9, 0, 0, 0, 2, 0, 0, 0, 1, 0, 7, 0, 1, 2, 3]);
  const options = [...option(11, [0, 200]), ...option(12, [0, 0])];
  return response({
    id: idOf(query),
    flags: 0x81a0,
    questions: [[...query.subarray(12, 17)]],
    answers: [rrsig],
    additional: [opt({ options })],
  });
}

test("what one address showed", async () => {
  const { facts, steps, dials } = await probed(signed);
  expect(facts).toMatchObject({ host: "192.0.2.1", port: 853, family: 4, failure: undefined });
  expect(facts.seen).toMatchObject({
    signatures: true,
    authenticData: true,
    padded: true,
    keepaliveMs: 20_000,
    ticket: true,
    again: { resumed: false },
    idle: undefined,
    certificate: {
      name: "dot.test",
      san: "DNS:dot.test",
      issuer: "CN=fdns test CA",
      notBeforeMs: NOW_MS - 86_400_000,
      notAfterMs: NOW_MS + 30 * 86_400_000,
      pinAskedFor: false,
    },
  });
  expect(steps).toEqual(["connecting", "resuming", "order of answers"]);
  // The ticket of the first is used for the others.
  expect(dials.map(({ options }) => options.session)).toEqual([undefined, Uint8Array.of(9), Uint8Array.of(9)]);
});

test("only the root is asked about, and new names under example.com; the keys with DO", async () => {
  const { dials } = await probed(signed);
  const asked = dials.flatMap(({ queries }) => queries);
  const names = asked.map((query) => readName(query, 12).text);
  for (const name of names) expect(name).toMatch(/^\.$|^[a-z2-7]{16}\.example\.com\.$/);
  const fresh = names.filter((name) => name !== ".");
  expect(fresh).toHaveLength(4);
  expect(new Set(fresh).size).toBe(4);
  // DO is the first bit of the OPT's flags, 7 octets behind its root name.
  expect(asked.filter((query) => query[query.indexOf(0, 12) + 5 + 7] === 0x80)).toHaveLength(1);
});

test("how far a failed handshake came, and its code", async () => {
  const { facts, dials } = await probed(signed, "CERT_HAS_EXPIRED");
  expect(facts).toMatchObject({
    seen: undefined,
    failure: {
      code: "authentication",
      message: "its certificate has expired",
      stage: "handshake",
      cause: "CERT_HAS_EXPIRED",
    },
  });
  expect(dials).toHaveLength(1);
});
