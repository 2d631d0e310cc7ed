/** What is to be thought of the facts that `fdns doctor` found, and what to do: one finding a line. */

import { rcodeText } from "../../presentation/types.ts";
import {
  type AddressFacts,
  type DoctorFacts,
  daysLeft,
  type HostFacts,
  isFailure,
  type Seen,
  type UpstreamFacts,
} from "./facts.ts";
import { isOutOfReach } from "./reach.ts";

/** "problem": queries fail or will; "warning": some of what was asked for does not work; "note": good to know. */
export type Severity = "problem" | "warning" | "note";

export interface Finding {
  readonly severity: Severity;
  /** Stable, for programs. */
  readonly code: string;
  /** What it is about; undefined for the host. */
  readonly upstream: string | undefined;
  readonly address: string | undefined;
  /** What is wrong, and what to do about it. */
  readonly message: string;
}

const DAY_MS = 86_400_000;

/** Certificates are renewed well before; of those made for few days, a third of their life is enough. */
const FEW_DAYS = 14;
const LAST_PART_OF_LIFE = 1 / 3;

/** The build may be of a host whose clock is a little ahead, or in another zone. */
const BUILD_SLACK_MS = DAY_MS;

/** A server that keeps an idle connection for less makes nearly every query a handshake. */
const SHORT_IDLE_MS = 2000;

/** The worst first. Nothing but notes: all is well. */
export function findingsOf(facts: DoctorFacts): Finding[] {
  const { host, upstreams } = facts;
  const network = networkFinding(upstreams, host);
  const silentFamilies = network === undefined ? ([4, 6] as const).filter((family) => isSilent(family, upstreams)) : [];
  const found = [
    ...clockFindings(host, upstreams),
    ...(network === undefined ? [] : [network]),
    ...silentFamilies.map((family) => familyFinding(family, host)),
    // What is said of all of them is not said of each once more.
    ...upstreams.flatMap((upstream) =>
      upstreamFindings(
        upstream,
        host,
        ({ family, failure }, works) =>
          failure?.stage === "connect" && (network !== undefined || (works && silentFamilies.includes(family))),
      ),
    ),
  ];
  const rank: readonly Severity[] = ["problem", "warning", "note"];
  return found.sort((a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity));
}

export function isWell(findings: readonly Finding[]): boolean {
  return findings.every(({ severity }) => severity === "note");
}

function ofHost(severity: Severity, code: string, message: string): Finding {
  return { severity, code, upstream: undefined, address: undefined, message };
}

const NOT_YET_VALID = "CERT_NOT_YET_VALID";
const EXPIRED = "CERT_HAS_EXPIRED";

function clockFindings({ wallMs, builtMs }: HostFacts, upstreams: readonly UpstreamFacts[]): Finding[] {
  const now = day(wallMs);
  if (builtMs !== undefined && wallMs < builtMs - BUILD_SLACK_MS) {
    const message = `the clock of this host says ${now}, but this fdns was made on ${day(builtMs)}: set the clock; until then no certificate can be judged`;
    return [ofHost("problem", "clock-behind", message)];
  }
  const addresses = upstreams.flatMap((upstream) => upstream.addresses);
  const causes = addresses.map(({ failure }) => failure?.cause);
  if (causes.includes(NOT_YET_VALID)) {
    const message = `the clock of this host says ${now}, and a certificate begins later: if that is not today, set the clock`;
    return [ofHost("problem", "clock-doubtful", message)];
  }
  const expiredUpstreams = upstreams.filter(({ addresses: its }) =>
    its.some(({ failure }) => failure?.cause === EXPIRED),
  );
  if (expiredUpstreams.length > 1 && addresses.every(({ seen }) => seen === undefined)) {
    const message = `the clock of this host says ${now}, and the certificates of ${expiredUpstreams.length} upstreams have expired: if that is not today, set the clock`;
    return [ofHost("problem", "clock-doubtful", message)];
  }
  return [];
}

const UNREACHABLE = new Set(["ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"]);

/** Whether the host has no route there. Bun reports a missing route as a refusal: what the host's addresses say counts too. */
function isUnreachable(address: AddressFacts, host: HostFacts): boolean {
  const { cause } = address.failure ?? {};
  return UNREACHABLE.has(cause ?? "") || (cause === "ECONNREFUSED" && isOutOfReach(address, host));
}

/** What only all upstreams together show. */
function networkFinding(upstreams: readonly UpstreamFacts[], host: HostFacts): Finding | undefined {
  const addresses = upstreams.flatMap((upstream) => upstream.addresses);
  if (addresses.length === 0 || !addresses.every(isUnconnected)) return undefined;
  const causes = addresses.filter((address) => !isUnreachable(address, host)).map(({ failure }) => failure!.cause);
  const ports = [...new Set(addresses.map(({ port }) => port))].join(", ");
  if (causes.length === 0) {
    return ofHost("problem", "no-route", "this host has no route to any upstream: is it connected?");
  }
  if (causes.every((cause) => cause === undefined || cause === "ETIMEDOUT")) {
    const message = `port ${ports} seems to be blocked: no upstream took a connection; ask whoever runs this network to let TCP to it out, or use an upstream on another port (ADDRESS:443#NAME)`;
    return ofHost("problem", "port-blocked", message);
  }
  // One that refuses alone is more likely not there.
  if (upstreams.length > 1 && causes.every((cause) => cause === "ECONNREFUSED")) {
    const message = `every upstream refuses connections to port ${ports}: a firewall on the way may do so in their name`;
    return ofHost("problem", "port-refused", message);
  }
  return undefined;
}

function isUnconnected({ failure }: AddressFacts): boolean {
  return failure?.code === "connect" && failure.stage === "connect";
}

/** Whether no address of the family takes a connection, though there are several, and those of the other do. */
function isSilent(family: 4 | 6, upstreams: readonly UpstreamFacts[]): boolean {
  const addresses = upstreams.flatMap((upstream) => upstream.addresses);
  const its = addresses.filter((address) => address.family === family);
  const others = addresses.filter((address) => address.family !== family);
  return its.length > 1 && its.every(isUnconnected) && !others.every(isUnconnected);
}

function familyFinding(family: 4 | 6, { ipv4, ipv6 }: HostFacts): Finding {
  const isAbsent = (family === 6 ? ipv6 : ipv4) !== "global";
  const message = isAbsent
    ? `this host has no IPv${family} that reaches the upstreams; fdns uses their other addresses`
    : `this host has IPv${family}, but no upstream takes a connection over it: something on the way drops it; fdns uses their other addresses`;
  return ofHost(isAbsent ? "note" : "warning", `ipv${family}-silent`, message);
}

function upstreamFindings(
  upstream: UpstreamFacts,
  host: HostFacts,
  isSaid: (address: AddressFacts, works: boolean) => boolean,
): Finding[] {
  const { text, failure, addresses } = upstream;
  if (failure !== undefined) {
    const message = `${failure.message}; check --bootstrap, or write ADDRESS#NAME`;
    return [{ severity: "problem", code: "unresolved", upstream: text, address: undefined, message }];
  }
  const works = addresses.some(({ seen }) => seen !== undefined);
  return addresses.flatMap((address) => {
    const at = (severity: Severity, code: string, message: string): Finding => ({
      severity,
      code,
      upstream: text,
      address: address.host,
      message,
    });
    if (isSaid(address, works)) return [];
    if (address.failure !== undefined) return [failureFinding(address, works, host, at)];
    return address.seen === undefined ? [] : seenFindings(address.seen, host, at);
  });
}

type FindingAt = (severity: Severity, code: string, message: string) => Finding;

function failureFinding(address: AddressFacts, works: boolean, host: HostFacts, at: FindingAt): Finding {
  const { code, message, stage } = address.failure!;
  if (works && isUnreachable(address, host) && isOutOfReach(address, host)) {
    const why = `this host has no IPv${address.family} that reaches it; fdns uses the other addresses`;
    return at("note", "family-absent", `${message}: ${why}`);
  }
  const severity = works ? "warning" : "problem";
  if (code === "authentication") {
    return at(
      severity,
      "authentication",
      `${message}; nothing is sent to it: use another upstream, or see what stands between`,
    );
  }
  if (code === "connect") {
    const advice = stage === "handshake" ? "it takes connections, but not TLS" : "check address, port and firewall";
    return at(severity, "unreachable", `${message}; ${advice}`);
  }
  return at(severity, "no-answer", `${message}; use another upstream`);
}

function seenFindings(seen: Seen, { wallMs }: HostFacts, at: FindingAt): Finding[] {
  const found: Finding[] = [];
  if (seen.rcode !== 0) {
    const why = seen.extendedErrors.map(({ code, meaning }) => meaning ?? `extended error ${code}`).join(", ");
    const message = `it answers ${seen.rcodeText} to the simplest of questions${why === "" ? "" : ` (${why})`}: use another upstream`;
    found.push(at("problem", "does-not-resolve", message));
  }
  found.push(...rejectionFindings(seen, at));
  found.push(...certificateFindings(seen, wallMs, at));
  if (seen.onlySmallHello) {
    const words =
      "a ClientHello of more than one packet is dropped or reset on the way or by it: fdns uses small ones, without a post-quantum key share; see the firewalls on the way, or set --tls-hello small to save a second at the start";
    found.push(at("warning", "large-hello", words));
  }
  if (isFailure(seen.again)) {
    found.push(at("warning", "second-connection", `a second connection failed: ${seen.again.message}`));
  } else if (seen.again.resumed === false) {
    found.push(at("note", "not-resumed", "it does not resume sessions: every new connection is a full handshake"));
  }
  if (seen.order.outOfOrder === "no") {
    found.push(
      at("note", "in-order", "it answers in order: one slow name holds up the names behind it (RFC 7766, 6.2.1.1)"),
    );
  }
  if (seen.rcode === 0 && !seen.signatures) {
    found.push(
      at(
        "note",
        "no-dnssec",
        "it does not pass on DNSSEC records: stubs that validate by themselves will fail behind it",
      ),
    );
  } else if (seen.rcode === 0 && !seen.authenticData) {
    found.push(at("note", "not-validating", "it does not say that it validated (AD): forged answers may pass it"));
  }
  if (seen.idle?.closedByServer && seen.idle.keptMs < SHORT_IDLE_MS) {
    found.push(
      at(
        "note",
        "short-idle",
        `it closes idle connections after ${seconds(seen.idle.keptMs)}: many queries wait for a handshake`,
      ),
    );
  }
  return found;
}

function rejectionFindings({ rejected }: Seen, at: FindingAt): Finding[] {
  if (rejected === undefined) return [];
  const lost =
    rejected.part === "EDNS"
      ? "so queries are not padded, and stubs that ask for DNSSEC records get none"
      : "so queries are not padded, and the length of a name shows";
  const message = `it answers ${rcodeText(rejected.rcode)} to ${rejected.part}: fdns asks it again without, ${lost}; update its software, or see what stands before it`;
  return [at("warning", "rejects-edns", message)];
}

function certificateFindings({ certificate }: Seen, wallMs: number, at: FindingAt): Finding[] {
  const { notBeforeMs, notAfterMs } = certificate;
  const days = daysLeft(certificate, wallMs);
  const lastPartMs = (notAfterMs - notBeforeMs) * LAST_PART_OF_LIFE;
  if (days >= FEW_DAYS || notAfterMs - wallMs >= lastPartMs) return [];
  const message = `its certificate ends in ${daysText(days)}, on ${day(notAfterMs)}: tell whoever runs it; fdns will refuse it then`;
  return [at("warning", "certificate-ends", message)];
}

export function daysText(days: number): string {
  return `${days} ${days === 1 ? "day" : "days"}`;
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** "2026-01-31" */
export function day(wallMs: number): string {
  return new Date(wallMs).toISOString().slice(0, 10);
}
