import { afterEach, expect, test } from "bun:test";
import { createHash, X509Certificate } from "node:crypto";
import { connect as connectTcp } from "node:net";
import { type Behaviour, DEFAULT_BEHAVIOUR } from "../../src/testupstream/behaviour.ts";
import { CERTIFICATES, type CertificateKind, makeAuthority } from "../../src/testupstream/certificates.ts";
import { startTestUpstream, type TestUpstream, type TestUpstreamOptions } from "../../src/testupstream/start.ts";
import { DotClient, queryMessage } from "./dot-client.ts";

const NOW_MS = Date.UTC(2026, 0, 15);

function scenarioOf(behaviour: Partial<Behaviour>) {
  return { base: { ...DEFAULT_BEHAVIOUR, ...behaviour }, rules: [] };
}

let upstream: TestUpstream | undefined;

afterEach(async () => {
  await upstream?.close();
  upstream = undefined;
});

async function started(options: TestUpstreamOptions): Promise<TestUpstream> {
  upstream = await startTestUpstream(options);
  return upstream;
}

function client(options = {}): DotClient {
  return new DotClient({ port: upstream!.port, caPem: upstream!.caPem, ...options });
}

async function issued(kind: CertificateKind, names = ["dot.test", "192.0.2.1", "::1"]) {
  const authority = await makeAuthority(kind, names, () => NOW_MS);
  const { chainPem, spkiPin } = await authority.issue();
  const leaf = new X509Certificate(chainPem);
  const ca = new X509Certificate(authority.caPem);
  return { leaf, ca, spkiPin, chain: chainPem.match(/BEGIN/g)?.length, signed: leaf.verify(ca.publicKey) };
}

function valid({ validFrom, validTo }: X509Certificate): boolean {
  return Date.parse(validFrom) < NOW_MS && Date.parse(validTo) > NOW_MS;
}

test("a good certificate is right in everything", async () => {
  const { leaf, ca, spkiPin, chain, signed } = await issued("good");
  expect(signed && valid(leaf) && valid(ca) && ca.ca && !leaf.ca && chain === 1).toBe(true);
  expect(leaf.subjectAltName).toBe("DNS:dot.test, IP Address:192.0.2.1, IP Address:0:0:0:0:0:0:0:1");
  expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
  const spki = leaf.publicKey.export({ type: "spki", format: "der" });
  expect(spkiPin).toBe(`sha256/${createHash("sha256").update(spki).digest("base64")}`);
});

test("an expiring certificate has three days left of sixty", async () => {
  const { leaf, signed } = await issued("expiring");
  expect(signed && valid(leaf)).toBe(true);
  const days = [leaf.validFrom, leaf.validTo].map((date) => (Date.parse(date) - NOW_MS) / 86_400_000);
  expect(days).toEqual([-57, 3]);
});

test("each bad certificate is bad in its one way", async () => {
  const expired = (await issued("expired")).leaf;
  expect(Date.parse(expired.validTo)).toBeLessThan(NOW_MS);
  const early = (await issued("not-yet-valid")).leaf;
  expect(Date.parse(early.validFrom)).toBeGreaterThan(NOW_MS);
  const own = await issued("self-signed");
  expect([own.signed, own.leaf.verify(own.leaf.publicKey), own.leaf.subject]).toEqual([false, true, own.leaf.issuer]);
  expect((await issued("wrong-name")).leaf.subjectAltName).toBe("DNS:wrong.invalid");
  const cnOnly = (await issued("cn-only")).leaf;
  expect([cnOnly.subjectAltName, cnOnly.subject]).toEqual([undefined, "CN=dot.test"]);
  const foreign = await issued("wrong-ca");
  expect([foreign.signed, foreign.leaf.issuer]).toEqual([false, foreign.ca.subject]);
  expect((await issued("client-only-eku")).leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect((await issued("wildcard")).leaf.subjectAltName).toBe("DNS:*.test");
  expect(await issued("intermediate")).toMatchObject({ chain: 2, signed: false });
  expect(["", undefined]).toContain((await issued("empty-subject")).leaf.subject);
  expect(await issued("no-intermediate")).toMatchObject({ chain: 1, signed: false });
});

/** What a client of this runtime that checks chain and name makes of each; "" is accepted. CN-only is for the client to refuse. */
const VERDICTS: Readonly<Record<CertificateKind, string>> = {
  good: "",
  expiring: "",
  expired: "CERT_HAS_EXPIRED",
  "not-yet-valid": "CERT_NOT_YET_VALID",
  "self-signed": "DEPTH_ZERO_SELF_SIGNED_CERT",
  "wrong-name": "ERR_TLS_CERT_ALTNAME_INVALID",
  "cn-only": "",
  "wrong-ca": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "client-only-eku": "INVALID_PURPOSE",
  "rotated-key": "",
  wildcard: "ERR_TLS_CERT_ALTNAME_INVALID",
  intermediate: "",
  "empty-subject": "",
  "no-intermediate": "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
};

test.each(Object.keys(CERTIFICATES) as CertificateKind[])("served: %s", async (certificate) => {
  await started({ certificate });
  const dot = await client().secure();
  if (VERDICTS[certificate] === "") {
    expect((await dot.ask("www.test")).rcode).toBe(0);
  } else {
    dot.send(queryMessage(1, "secret.test"));
    await dot.until(() => false);
    expect(upstream!.counters.applicationOctets).toBe(0);
  }
  expect(dot.errorCode ?? "").toBe(VERDICTS[certificate]);
  await dot.close();
});

test("a wildcard is good for a name one label below it", async () => {
  await started({ certificate: "wildcard", names: ["a.dot.test"] });
  const dot = await client({ servername: "a.dot.test" }).secure();
  expect((await dot.ask("www.test")).rcode).toBe(0);
  await dot.close();
});

test("a rotated key is new for the next connection, and again when asked for", async () => {
  await started({ certificate: "rotated-key", rotateEvery: 2 });
  const pins: string[] = [];
  for (let i = 0; i < 5; i++) {
    if (i === 4) upstream!.rotate();
    const dot = await client().secure();
    const spki = new X509Certificate(dot.socket.getPeerCertificate().raw).publicKey.export({
      type: "spki",
      format: "der",
    });
    pins.push(`sha256/${createHash("sha256").update(spki).digest("base64")}`);
    await dot.close();
  }
  expect(pins[0]).toBe(upstream!.spkiPin);
  expect(pins[1]).toBe(pins[0]!);
  expect(pins[3]).toBe(pins[2]!);
  expect(new Set(pins).size).toBe(3);
});

test("a session is resumed and counted", async () => {
  await started({});
  const first = await client().secure();
  await first.ask("a.test");
  await first.until(() => first.session !== undefined);
  const second = await client({ session: first.session }).secure();
  await second.ask("b.test");
  expect(upstream!.counters).toMatchObject({ connections: 2, handshakes: 2, handshakesResumed: 1 });
  await first.close();
  await second.close();
});

test("TLS 1.1 alone is refused by a client of today", async () => {
  await started({ tlsVersions: { min: "TLSv1", max: "TLSv1.1" } });
  const dot = await client().secure();
  expect(dot.errorCode).toMatch(/PROTOCOL|VERSION/);
  expect(upstream!.counters).toMatchObject({ handshakes: 0, applicationOctets: 0 });
});

test("TLS 1.2 alone and 1.3 alone", async () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    const only = await startTestUpstream({ tlsVersions: { min: version, max: version } });
    const dot = await new DotClient(only).secure();
    expect(dot.socket.getProtocol()).toBe(version);
    await dot.close();
    await only.close();
  }
});

test("ALPN: dot, none, another if offered, and one nobody offered", async () => {
  for (const [alpn, offered, selected] of [
    ["dot", ["dot"], "dot"],
    ["none", ["dot"], false],
    ["other", ["dot", "h2"], "h2"],
    ["other", ["dot"], /NO_APPLICATION_PROTOCOL/],
    ["unoffered", ["dot"], /INVALID_ALPN_PROTOCOL/],
  ] as const) {
    const choosing = await startTestUpstream({ alpn });
    const dot = await new DotClient({ ...choosing, alpn: offered }).secure();
    if (selected instanceof RegExp) expect(dot.errorCode).toMatch(selected);
    else expect(dot.socket.alpnProtocol).toBe(selected as string);
    await dot.close();
    await choosing.close();
  }
});

test("connections held, closed or reset before the handshake", async () => {
  for (const handshake of ["hold", "close", "reset"] as const) {
    const rude = await startTestUpstream({ scenario: scenarioOf({ handshake }) });
    const raw = connectTcp(rude.port, "127.0.0.1");
    let octets = 0;
    raw.on("data", (chunk) => {
      octets += chunk.length;
    });
    raw.on("error", () => {});
    const ended = new Promise((resolve) => raw.on("close", resolve));
    raw.end(Uint8Array.of(22, 3, 1));
    await ended;
    expect(octets).toBe(0);
    expect(rude.counters).toMatchObject({ connections: 1, handshakes: 0 });
    await rude.close();
  }
});

test("addresses: several, and one that is taken", async () => {
  const both = await startTestUpstream({ listen: ["127.0.0.1", "::1"].map((host) => ({ host, port: 0 })) });
  expect(both.addresses.map(({ host }) => host)).toEqual(["127.0.0.1", "::1"]);
  expect(startTestUpstream({ listen: [{ host: "127.0.0.1", port: both.port }] })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${both.port} over DNS over TLS: the address is in use`,
  );
  await both.close();
});
