import { describe, expect, test } from "bun:test";
import type { AddressFacts, DoctorFacts, Failure, HostFacts, Seen, UpstreamFacts } from "../../src/cli/doctor/facts.ts";
import { reachOf } from "../../src/cli/doctor/reach.ts";
import { findingsOf, isWell } from "../../src/cli/doctor/verdict.ts";

const NOW_MS = Date.UTC(2026, 5, 15, 12);
const DAY_MS = 86_400_000;

const hostWithBoth: HostFacts = { wallMs: NOW_MS, builtMs: NOW_MS - 100 * DAY_MS, ipv4: "global", ipv6: "global" };
const hostWithoutIpv6: HostFacts = { ...hostWithBoth, ipv6: "local" };

const wellSeen: Seen = {
  connectMs: 1,
  handshakeMs: 2,
  answerMs: 3,
  certificate: certificate(-60, 30),
  tls: { protocol: "TLSv1.3", cipher: "any", alpn: "dot", resumed: false },
  onlySmallHello: false,
  again: { connectMs: 1, handshakeMs: 1, resumed: true },
  ticket: true,
  rejected: undefined,
  rcode: 0,
  rcodeText: "NOERROR",
  signatures: true,
  authenticData: true,
  extendedErrors: [],
  keepaliveMs: undefined,
  padded: true,
  order: { outOfOrder: "yes", reason: undefined },
  idle: undefined,
};

/** Valid from and until so many days from now. */
function certificate(from: number, until: number): Seen["certificate"] {
  return {
    name: "dot.test",
    san: "DNS:dot.test",
    issuer: "CN=CA",
    notBeforeMs: NOW_MS + from * DAY_MS,
    notAfterMs: NOW_MS + until * DAY_MS,
    pin: undefined,
    pinAskedFor: false,
  };
}

function failure(cause: string | undefined, parts: Partial<Failure> = {}): Failure {
  return { code: "connect", message: `it failed: ${cause ?? "time"}`, stage: "connect", cause, ...parts };
}

const timedOut = failure(undefined);
const refused = failure("ECONNREFUSED");
const unreachable = failure("ENETUNREACH");
const untrusted = (cause: string) => failure(cause, { code: "authentication", stage: "handshake" });

function address(host: string, outcome: Failure | Partial<Seen>): AddressFacts {
  const family = host.includes(":") ? 6 : 4;
  const seen = "stage" in outcome ? undefined : { ...wellSeen, ...outcome };
  return { host, port: 853, family, failure: "stage" in outcome ? outcome : undefined, seen };
}

function upstream(text: string, ...addresses: AddressFacts[]): UpstreamFacts {
  return { text, failure: undefined, addresses };
}

/** Each finding as "severity code address". */
function judged(upstreams: readonly UpstreamFacts[], host: HostFacts = hostWithBoth): string[] {
  return findings({ host, upstreams }).map(({ severity, code, address: where }) =>
    [severity, code, ...(where === undefined ? [] : [where])].join(" "),
  );
}

function findings(facts: DoctorFacts) {
  return findingsOf(facts);
}

const one = (outcome: Failure | Partial<Seen>, host?: HostFacts) =>
  judged([upstream("a", address("192.0.2.1", outcome))], host);

describe("one upstream", () => {
  test("that does everything gives nothing to say", () => {
    expect(one({})).toEqual([]);
  });

  test.each<[string, Failure | Partial<Seen>, string]>([
    ["a connection refused", refused, "problem unreachable"],
    ["a connection reset", failure("ECONNRESET"), "problem unreachable"],
    ["TLS that does not answer", failure(undefined, { stage: "handshake" }), "problem unreachable"],
    ["a certificate refused", untrusted("UNABLE_TO_VERIFY_LEAF_SIGNATURE"), "problem authentication"],
    ["an expired certificate, alone", untrusted("CERT_HAS_EXPIRED"), "problem authentication"],
    ["silence", failure(undefined, { code: "timeout", stage: "answer" }), "problem no-answer"],
    ["a malformed answer", failure(undefined, { code: "malformed", stage: "answer" }), "problem no-answer"],
    ["a path that drops large hellos", { onlySmallHello: true }, "warning large-hello"],
    ["SERVFAIL", { rcode: 2, rcodeText: "SERVFAIL", signatures: false }, "problem does-not-resolve"],
    ["no EDNS", { rejected: { part: "EDNS", rcode: 1 }, padded: false }, "warning rejects-edns"],
    ["no EDNS options", { rejected: { part: "EDNS options", rcode: 16 } }, "warning rejects-edns"],
    ["a second connection that fails", { again: refused }, "warning second-connection"],
    ["no resumption", { again: { connectMs: 1, handshakeMs: 1, resumed: false } }, "note not-resumed"],
    ["answers in order", { order: { outOfOrder: "no", reason: undefined } }, "note in-order"],
    ["no signatures", { signatures: false, authenticData: false }, "note no-dnssec"],
    ["no AD", { authenticData: false }, "note not-validating"],
    ["idle connections closed at once", { idle: { keptMs: 1999, closedByServer: true } }, "note short-idle"],
  ])("%s", (_name, outcome, found) => {
    expect(one(outcome)).toEqual([`${found} 192.0.2.1`]);
  });

  test.each<[string, Partial<Seen>]>([
    ["an order that could not be told", { order: { outOfOrder: "unknown", reason: "it was quick" } }],
    ["a runtime that does not say whether it resumed", { again: { connectMs: 1, handshakeMs: 1, resumed: undefined } }],
    ["two seconds idle", { idle: { keptMs: 2000, closedByServer: true } }],
    ["watching that ended early", { idle: { keptMs: 0, closedByServer: false } }],
    ["answers that are not padded, and no keepalive", { padded: false }],
  ])("nothing to say of %s", (_name, seen) => {
    expect(one(seen)).toEqual([]);
  });

  test("SERVFAIL is told with its extended errors", () => {
    const extendedErrors = [
      { code: 22, meaning: "no reachable authority", text: "" },
      { code: 999, meaning: undefined, text: "" },
    ];
    const facts = upstream("a", address("192.0.2.1", { rcode: 2, rcodeText: "SERVFAIL", extendedErrors }));
    expect(findings({ host: hostWithBoth, upstreams: [facts] })[0]!.message).toStartWith(
      "it answers SERVFAIL to the simplest of questions (no reachable authority, extended error 999)",
    );
  });

  test("a name that cannot be resolved", () => {
    const named = { text: "dot.test", failure: failure(undefined, { code: "unresolved" }), addresses: [] };
    expect(judged([named])).toEqual(["problem unresolved"]);
  });
});

describe("a certificate that ends", () => {
  test.each([
    ["of 90 days, 14 left", -76, 14, []],
    ["of 90 days, less than 14 left", -77, 13.9, ["warning certificate-ends 192.0.2.1"]],
    ["of 90 days, an hour left", -90, 1 / 24, ["warning certificate-ends 192.0.2.1"]],
    ["of 6 days, 3 left", -3, 3, []],
    ["of 6 days, 1 left", -5, 1, ["warning certificate-ends 192.0.2.1"]],
  ] as const)("%s", (_name, from, until, found) => {
    expect(one({ certificate: certificate(from, until) })).toEqual([...found]);
  });

  test("its days are counted in words", () => {
    const facts = upstream("a", address("192.0.2.1", { certificate: certificate(-80, 1.5) }));
    const [found] = findings({ host: hostWithBoth, upstreams: [facts] });
    expect(found!.message).toStartWith("its certificate ends in 1 day, on 2026-06-17: ");
  });
});

describe("several addresses", () => {
  test("one that fails while another answers is a warning", () => {
    const facts = upstream("a", address("192.0.2.1", {}), address("192.0.2.2", refused));
    expect(judged([facts])).toEqual(["warning unreachable 192.0.2.2"]);
  });

  test("of another upstream is no consolation", () => {
    expect(judged([upstream("a", address("192.0.2.1", {})), upstream("b", address("192.0.2.2", refused))])).toEqual([
      "problem unreachable 192.0.2.2",
    ]);
  });

  test("of a family that the host lacks", () => {
    const facts = upstream("a", address("192.0.2.1", {}), address("2001:db8::1", unreachable));
    expect(judged([facts], hostWithoutIpv6)).toEqual(["note family-absent 2001:db8::1"]);
    expect(judged([facts], hostWithBoth)).toEqual(["warning unreachable 2001:db8::1"]);
  });

  test("of a family that the host lacks, which Bun calls a refusal", () => {
    const facts = upstream("a", address("192.0.2.1", {}), address("2001:db8::1", refused));
    expect(judged([facts], hostWithoutIpv6)).toEqual(["note family-absent 2001:db8::1"]);
    const near = upstream("a", address("192.0.2.1", {}), address("fd00::1", refused));
    expect(judged([near], hostWithoutIpv6)).toEqual(["warning unreachable fd00::1"]);
    const both = upstream("a", address("192.0.2.1", timedOut), address("2001:db8::1", refused));
    expect(judged([both], hostWithoutIpv6)).toEqual(["problem port-blocked"]);
    expect(judged([upstream("a", address("192.0.2.1", refused))], { ...hostWithBoth, ipv4: "local" })).toEqual([
      "problem no-route",
    ]);
  });

  test("all of a family are told once", () => {
    const facts = (outcome: Failure) =>
      ["a", "b"].map((text) => upstream(text, address("192.0.2.1", {}), address("2001:db8::1", outcome)));
    expect(judged(facts(timedOut), hostWithoutIpv6)).toEqual(["note ipv6-silent"]);
    expect(judged(facts(timedOut), hostWithBoth)).toEqual(["warning ipv6-silent"]);
    const without = [...facts(timedOut), upstream("c", address("2001:db8::3", timedOut))];
    expect(judged(without, hostWithoutIpv6)).toEqual(["problem unreachable 2001:db8::3", "note ipv6-silent"]);
    expect(judged(facts(untrusted("X")), hostWithBoth)).toEqual([
      "warning authentication 2001:db8::1",
      "warning authentication 2001:db8::1",
    ]);
  });
});

describe("every upstream", () => {
  const all = (outcome: Failure) => [
    upstream("a", address("192.0.2.1", outcome)),
    upstream("b", address("192.0.2.2", outcome)),
  ];

  test.each([
    ["that no connection reaches", all(timedOut), ["problem port-blocked"]],
    ["that the system gave up", all(failure("ETIMEDOUT")), ["problem port-blocked"]],
    ["that refuses", all(refused), ["problem port-refused"]],
    ["without a route", all(unreachable), ["problem no-route"]],
    [
      "without a route over one family, and silent over the other",
      [upstream("a", address("192.0.2.1", timedOut), address("2001:db8::1", unreachable))],
      ["problem port-blocked"],
    ],
    [
      "that refuses or is silent",
      [...all(refused), upstream("c", address("192.0.2.3", timedOut))],
      ["problem unreachable 192.0.2.1", "problem unreachable 192.0.2.2", "problem unreachable 192.0.2.3"],
    ],
    [
      "that takes connections and no TLS",
      all(failure(undefined, { stage: "handshake" })),
      ["problem unreachable 192.0.2.1", "problem unreachable 192.0.2.2"],
    ],
  ])("%s", (_name, upstreams, found) => {
    expect(judged(upstreams)).toEqual(found);
  });

  test("one alone that times out is blocked too, and the port is named", () => {
    const [found] = findings({ host: hostWithBoth, upstreams: [upstream("a", address("192.0.2.1", timedOut))] });
    expect(found).toMatchObject({ code: "port-blocked", upstream: undefined, address: undefined });
    expect(found!.message).toStartWith("port 853 seems to be blocked");
  });

  test("with the right one among them, nothing is blocked", () => {
    expect(judged([...all(timedOut), upstream("c", address("192.0.2.3", {}))])).toEqual([
      "problem unreachable 192.0.2.1",
      "problem unreachable 192.0.2.2",
    ]);
  });
});

describe("the clock", () => {
  const early = untrusted("CERT_NOT_YET_VALID");
  const expired = untrusted("CERT_HAS_EXPIRED");

  test("before the build is wrong", () => {
    const host = { ...hostWithBoth, builtMs: NOW_MS + 2 * DAY_MS };
    expect(judged([upstream("a", address("192.0.2.1", early))], host)).toEqual([
      "problem clock-behind",
      "problem authentication 192.0.2.1",
    ]);
    expect(findings({ host, upstreams: [] })[0]!.message).toBe(
      "the clock of this host says 2026-06-15, but this fdns was made on 2026-06-17: set the clock; until then no certificate can be judged",
    );
  });

  test("less than a day before it, or with no build to go by, is right", () => {
    expect(judged([], { ...hostWithBoth, builtMs: NOW_MS + 0.9 * DAY_MS })).toEqual([]);
    expect(judged([], { ...hostWithBoth, builtMs: undefined })).toEqual([]);
  });

  test("a certificate that begins later makes it doubtful", () => {
    expect(one(early)).toEqual(["problem clock-doubtful", "problem authentication 192.0.2.1"]);
  });

  test("certificates of several upstreams that have expired do too, unless one is right", () => {
    const two = [upstream("a", address("192.0.2.1", expired)), upstream("b", address("192.0.2.2", expired))];
    expect(judged(two)[0]).toBe("problem clock-doubtful");
    expect(judged([...two, upstream("c", address("192.0.2.3", {}))])).toEqual([
      "problem authentication 192.0.2.1",
      "problem authentication 192.0.2.2",
    ]);
  });
});

test("the worst comes first, and notes alone are well", () => {
  const noted = upstream("a", address("192.0.2.1", { authenticData: false }));
  const warned = upstream("b", address("192.0.2.2", { again: refused }));
  const broken = upstream("c", address("192.0.2.3", refused));
  const facts = (...upstreams: UpstreamFacts[]) => findings({ host: hostWithBoth, upstreams });
  expect(facts(noted, warned, broken).map(({ severity }) => severity)).toEqual(["problem", "warning", "note"]);
  expect([facts(noted), facts(warned), facts(broken), []].map(isWell)).toEqual([true, false, false, true]);
});

describe("how far a host's addresses reach", () => {
  const local = (host: string) =>
    ({ host, family: host.includes(":") ? 6 : 4, scopeId: 0, interfaceName: "any" }) as const;

  test.each([
    [4, [], "none"],
    [4, ["127.0.0.1"], "local"],
    [4, ["169.254.7.7"], "local"],
    [4, ["127.0.0.1", "10.0.0.7"], "global"],
    [4, ["2001:db8::1"], "none"],
    [6, ["::1"], "local"],
    [6, ["fe80::1%eth0", "fd00::1"], "local"],
    [6, ["::1", "2001:db8::1"], "global"],
  ] as const)("IPv%i: %p", (family, hosts, reach) => {
    expect(reachOf(hosts.map(local), family)).toBe(reach);
  });
});
