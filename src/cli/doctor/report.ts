/** What `fdns doctor` prints, for people and for programs. Whatever came from outside is escaped. */

import { formatListenAddress } from "../../config/syntax/listen-address.ts";
import { escapeControls, jsonLine } from "../../observe/log.ts";
import { rcodeText } from "../../presentation/types.ts";
import {
  type AddressFacts,
  type Again,
  type CertificateFacts,
  type DoctorFacts,
  daysLeft,
  type Failure,
  type HostFacts,
  type IdleFacts,
  isFailure,
  type OrderFacts,
  type Reach,
  type Seen,
  type UpstreamFacts,
} from "./facts.ts";
import { daysText, type Finding, isWell, type Severity, seconds } from "./verdict.ts";

/** SGR parameters (ECMA-48). */
const DIM = 2;
const RED = 31;
const GREEN = 32;
const YELLOW = 33;

const severityColours: Readonly<Record<Severity, number>> = { problem: RED, warning: YELLOW, note: DIM };

type Paint = (sgr: number, text: string) => string;

const LABEL_COLUMNS = 14;

export function textReport(facts: DoctorFacts, findings: readonly Finding[], hasColour: boolean): string {
  const paint: Paint = (sgr, text) => (hasColour ? `\u001b[${sgr}m${text}\u001b[0m` : text);
  const lines = [
    ...hostLines(facts.host, paint),
    ...facts.upstreams.flatMap((upstream) => ["", ...upstreamLines(upstream, facts.host.wallMs, paint)]),
    "",
    ...verdictLines(facts, findings, paint),
  ];
  return `${lines.join("\n")}\n`;
}

/** One fact: its label dim, its text escaped. */
function line(indent: number, label: string, text: string, paint: Paint): string {
  return `${" ".repeat(indent)}${paint(DIM, label.padEnd(LABEL_COLUMNS - indent))}${escapeControls(text)}`;
}

const reachText: Readonly<Record<Reach, string>> = {
  global: "yes",
  local: "on this host and its links only",
  none: "no address",
};

function hostLines({ wallMs, builtMs, ipv4, ipv6 }: HostFacts, paint: Paint): string[] {
  const built = builtMs === undefined ? "" : `; this fdns was made on ${new Date(builtMs).toISOString()}`;
  return [
    "this host",
    line(4, "clock", new Date(wallMs).toISOString() + built, paint),
    line(4, "IPv4", reachText[ipv4], paint),
    line(4, "IPv6", reachText[ipv6], paint),
  ];
}

function upstreamLines({ text, failure, addresses }: UpstreamFacts, wallMs: number, paint: Paint): string[] {
  return [
    escapeControls(text),
    ...(failure === undefined ? [] : [`    ${paint(RED, escapeControls(failure.message))}`]),
    ...addresses.flatMap((address) => addressLines(address, wallMs, paint)),
  ];
}

function addressLines({ host, port, family, failure, seen }: AddressFacts, wallMs: number, paint: Paint): string[] {
  const place = `  ${formatListenAddress({ host, port })} (IPv${family}): `;
  if (seen === undefined) return [place + paint(RED, escapeControls(failure?.message ?? "not examined"))];
  const { certificate, tls } = seen;
  const facts: readonly (readonly [label: string, text: string])[] = [
    ["times", timesText(seen)],
    ["again", againText(seen)],
    [
      "TLS",
      `${tls.protocol}, ${tls.cipher}, ALPN ${tls.alpn ?? "none"}${seen.onlySmallHello ? ", small ClientHello" : ""}`,
    ],
    ["name", `${certificate.name}, carried as ${certificate.san ?? "unknown"}, issued by ${certificate.issuer}`],
    [
      "valid",
      `until ${new Date(certificate.notAfterMs).toISOString()}, ${daysText(daysLeft(certificate, wallMs))} left`,
    ],
    ["pin", pinText(certificate)],
    ["answers", answersText(seen)],
    ["DNSSEC", dnssecText(seen)],
    ...(seen.idle === undefined ? [] : [["idle", idleText(seen.idle)] as const]),
  ];
  return [place + paint(GREEN, "reachable"), ...facts.map(([label, text]) => line(4, label, text, paint))];
}

const ms = (value: number) => `${value.toFixed(1)} ms`;

function timesText({ connectMs, handshakeMs, answerMs }: Seen): string {
  return `connect ${ms(connectMs)}, handshake ${ms(handshakeMs)}, answer ${ms(answerMs)}`;
}

function againText({ again, ticket }: Seen): string {
  if (isFailure(again)) return `failed: ${again.message}`;
  const resumed =
    again.resumed === undefined
      ? "resumed or not: this runtime does not say"
      : again.resumed
        ? "resumed"
        : "full handshake";
  return `connect ${ms(again.connectMs)}, handshake ${ms(again.handshakeMs)}, ${ticket === false ? "no ticket was given, " : ""}${resumed}`;
}

function pinText({ pin, pinAskedFor }: CertificateFacts): string {
  if (pin === undefined) return "its key is of a kind that cannot be pinned";
  return `?pin=${pin}${pinAskedFor ? " (asked for, and right)" : ""}`;
}

function answersText(seen: Seen): string {
  const { order, padded, keepaliveMs, extendedErrors, rejected } = seen;
  const errors = extendedErrors.map(({ code, meaning, text }) =>
    [`extended error ${code}`, meaning === undefined ? "" : ` (${meaning})`, text === "" ? "" : `: ${text}`].join(""),
  );
  const keepalive = keepaliveMs === undefined ? "no keepalive offered" : `keepalive ${seconds(keepaliveMs)}`;
  const status = rejected === undefined ? seen.rcodeText : `${seen.rcodeText} without ${rejected.part}`;
  return [status, orderText(order), padded ? "padded" : "not padded", keepalive, ...errors].join(", ");
}

function orderText({ outOfOrder, reason }: OrderFacts): string {
  const words = { yes: "out of order: yes", no: "out of order: no", unknown: "out of order: could not tell" };
  return words[outOfOrder] + (reason === undefined ? "" : ` (${reason})`);
}

function dnssecText({ signatures, authenticData }: Seen): string {
  return `${signatures ? "signatures passed on" : "no signatures"}, AD ${authenticData ? "set" : "not set"}`;
}

function idleText(idle: IdleFacts): string {
  return idle.closedByServer ? `closed after ${seconds(idle.keptMs)}` : `kept for ${seconds(idle.keptMs)} and longer`;
}

function verdictLines({ upstreams }: DoctorFacts, findings: readonly Finding[], paint: Paint): string[] {
  const well = isWell(findings)
    ? [
        `${paint(GREEN, "well")}: ${upstreams.length === 1 ? "the upstream answers" : `all ${upstreams.length} upstreams answer`} as fdns needs it; there is nothing to do`,
      ]
    : [];
  return [
    ...well,
    ...findings.map(({ severity, upstream, address, message }) => {
      const place =
        upstream === undefined
          ? ""
          : `${upstream}${address === undefined || upstream.includes(address) ? "" : ` at ${address}`}: `;
      return `${paint(severityColours[severity], severity)}: ${escapeControls(place + message)}`;
    }),
  ];
}

/** One object in one line. Names are stable; what is not known is null. */
export function jsonReport({ host, upstreams }: DoctorFacts, findings: readonly Finding[]): string {
  return `${jsonLine({
    well: isWell(findings),
    findings: findings.map((finding) => ({
      ...finding,
      upstream: finding.upstream ?? null,
      address: finding.address ?? null,
    })),
    host: {
      clock: date(host.wallMs),
      built: host.builtMs === undefined ? null : date(host.builtMs),
      ipv4: host.ipv4,
      ipv6: host.ipv6,
    },
    upstreams: upstreams.map(({ text, failure, addresses }) => ({
      text,
      error: failure === undefined ? null : errorFields(failure),
      addresses: addresses.map((address) => addressFields(address, host.wallMs)),
    })),
  })}\n`;
}

function addressFields({ host, port, family, failure, seen }: AddressFacts, wallMs: number) {
  return {
    address: host,
    port,
    family,
    reachable: seen !== undefined,
    error: failure === undefined ? null : errorFields(failure),
    ...(seen === undefined ? {} : seenFields(seen, wallMs)),
  };
}

function seenFields(seen: Seen, wallMs: number) {
  const { certificate, tls, order, idle, rejected } = seen;
  return {
    times: {
      connectMs: tenths(seen.connectMs),
      handshakeMs: tenths(seen.handshakeMs),
      answerMs: tenths(seen.answerMs),
    },
    again: againFields(seen.again),
    ticket: seen.ticket ?? null,
    tls: { protocol: tls.protocol, cipher: tls.cipher, alpn: tls.alpn ?? null },
    certificate: {
      name: certificate.name,
      san: certificate.san ?? null,
      issuer: certificate.issuer,
      notBefore: date(certificate.notBeforeMs),
      notAfter: date(certificate.notAfterMs),
      daysLeft: daysLeft(certificate, wallMs),
      pin: certificate.pin ?? null,
      pinAskedFor: certificate.pinAskedFor,
    },
    status: seen.rcodeText,
    rejected: rejected === undefined ? null : { part: rejected.part, status: rcodeText(rejected.rcode) },
    extendedErrors: seen.extendedErrors.map((error) => ({ ...error, meaning: error.meaning ?? null })),
    outOfOrder: order.outOfOrder,
    padded: seen.padded,
    keepaliveMs: seen.keepaliveMs ?? null,
    dnssec: { signatures: seen.signatures, authenticData: seen.authenticData },
    idle: idle === undefined ? null : { keptMs: Math.round(idle.keptMs), closedByServer: idle.closedByServer },
  };
}

function againFields(again: Again | Failure) {
  if (isFailure(again)) return { error: errorFields(again) };
  const { connectMs, handshakeMs, resumed } = again;
  return { connectMs: tenths(connectMs), handshakeMs: tenths(handshakeMs), resumed: resumed ?? null };
}

function errorFields({ code, message, stage, cause }: Failure) {
  return { code, message, stage, cause: cause ?? null };
}

function date(wallMs: number): string {
  return new Date(wallMs).toISOString();
}

function tenths(value: number): number {
  return Math.round(value * 10) / 10;
}
