/** What `fdns query` prints, for people and for programs. Whatever came from outside is escaped. */

import { formatListenAddress } from "../../config/syntax/listen-address.ts";
import { escapeControls, jsonLine } from "../../observe/log.ts";
import type { ShownExtendedError, ShownRecord } from "../../presentation/message.ts";
import { rcodeText } from "../../presentation/types.ts";
import type { TlsOutcome } from "../../runtime/runtime.ts";
import type { OneAnswer } from "../../upstream/examine/one-query.ts";
import { UpstreamError, type UpstreamErrorCode } from "../../upstream/exchange.ts";
import type { Asked } from "./ask.ts";
import type { Question } from "./question.ts";

/** SGR parameters (ECMA-48): dim, green, red, and back. */
const DIM = 2;
const GREEN = 32;
const RED = 31;

type Paint = (sgr: number, text: string) => string;

/** The RDATA of the answer section, one record a line. */
export function shortReport({ response }: Asked): string {
  return response.answer.map((record) => `${record.text}\n`).join("");
}

/** Every section as in a zone file, facts about it in lines of comment. */
export function textReport(asked: Asked, hasColour: boolean): string {
  const paint: Paint = (sgr, text) => (hasColour ? `\u001b[${sgr}m${text}\u001b[0m` : text);
  const { response } = asked;
  const { question, answer, authority, additional } = response;
  const records = [...answer, ...authority, ...additional];
  const width = Math.max(0, ...records.map(({ name }) => name.length));
  const section = (title: string, of: readonly ShownRecord[]) =>
    of.length === 0 ? [] : ["", paint(DIM, `;; ${title}`), ...of.map((record) => recordLine(record, width))];
  const comments = [...connectionLines(asked), ...againLines(asked)];
  const lines = [
    statusLine(asked, paint),
    ...rejectedLines(asked).map((line) => paint(DIM, `;; ${line}`)),
    ...response.extendedErrors.map((error) => paint(DIM, `;; ${escapeControls(extendedErrorLine(error))}`)),
    ...(question === undefined ? [] : ["", paint(DIM, `;${question.name} ${question.class} ${question.type}`)]),
    ...section("answer", answer),
    ...section("authority", authority),
    ...section("additional", additional),
    "",
    ...comments.map((line) => paint(DIM, `;; ${escapeControls(line)}`)),
  ];
  return `${lines.join("\n")}\n`;
}

function statusLine({ response }: Asked, paint: Paint): string {
  const { rcode, flags, edns } = response;
  const optText = edns === undefined ? "no EDNS" : `EDNS ${edns.version}${edns.dnssecOk ? " do" : ""}`;
  const status = paint(rcode === 0 ? GREEN : RED, response.rcodeText);
  return `${paint(DIM, ";;")} ${status}${paint(DIM, `, flags: ${flags.join(" ")}, ${optText}`)}`;
}

/** Why the answer may lack what EDNS carries: DNSSEC records, Extended DNS Errors. */
function rejectedLines({ rejected, question }: Asked): string[] {
  if (rejected === undefined) return [];
  const { part, rcode } = rejected;
  const lost = part === "EDNS" && question.dnssecOk ? ", and so without DO" : "";
  return [`asked again without ${part}${lost}: the upstream rejected it with ${rcodeText(rcode)}`];
}

function recordLine(record: ShownRecord, width: number): string {
  return `${record.name.padEnd(width)} ${String(record.ttlSeconds).padEnd(6)} ${record.class} ${record.type.padEnd(5)} ${record.text}`;
}

function extendedErrorLine({ code, meaning, text }: ShownExtendedError): string {
  return `extended error ${code}${meaning === undefined ? "" : ` (${meaning})`}${text === "" ? "" : `: ${text}`}`;
}

function connectionLines({ upstream, connection, helloSize, peer }: Asked): string[] {
  const { leaf, tls } = connection;
  const [subject, ...issuers] = peer.subjects;
  const chain = issuers.length === 0 ? "" : `, issued by ${issuers.join(", that by ")}`;
  return [
    `upstream:   ${upstream.text}, at ${formatListenAddress(connection.address)}`,
    `name:       ${upstream.adn ?? connection.address.host}, carried as ${peer.san ?? "unknown"}`,
    `chain:      ${subject ?? "not shown by this runtime"}${chain}; roots from ${peer.rootsOrigin}`,
    `pin:        ${pinText(upstream.spkiPins.length, peer.pin)}`,
    `valid:      until ${new Date(leaf.notAfterMs).toISOString()}, ${peer.daysLeft} ${peer.daysLeft === 1 ? "day" : "days"} left`,
    `TLS:        ${tls.protocol}, ${tls.cipher}, ALPN ${tls.alpn ?? "none"}, ${resumedText(tls)}${helloSize === "small" ? ", small ClientHello" : ""}`,
    `times:      ${timesText(connection)}`,
  ];
}

function pinText(asked: number, pin: string | undefined): string {
  if (pin === undefined) return "none asked for; this key is of a kind that cannot be pinned";
  if (asked > 0) return `pin=${pin} is ${asked === 1 ? "the one" : `one of ${asked}`} asked for`;
  return `none asked for; this key is pin=${pin}`;
}

function resumedText({ resumed }: TlsOutcome): string {
  if (resumed === undefined) return "resumed or not: this runtime does not say";
  return resumed ? "session resumed" : "full handshake";
}

function timesText({ connectMs, handshakeMs, answerMs }: OneAnswer): string {
  const [connect, handshake, answer] = [connectMs, handshakeMs, answerMs].map((ms) => `${ms.toFixed(1)} ms`);
  return `connect ${connect}, handshake ${handshake}, answer ${answer}`;
}

function againLines({ again, hasTicket }: Asked): string[] {
  if (again === undefined) return [];
  if (again instanceof UpstreamError) return [`once more:  failed: ${again.message}`];
  // A runtime that does not say does not show tickets either.
  const ticket = hasTicket || again.tls.resumed === undefined ? "" : "no ticket was given, ";
  return [`once more:  ${ticket}${resumedText(again.tls)}; ${timesText(again)}`];
}

/** Why an upstream gave no answer. */
export interface Failure {
  readonly upstream: string;
  readonly code: UpstreamErrorCode;
  readonly message: string;
}

/** One object in one line; `asked` is what came of it, or why each upstream failed. */
export function jsonReport(question: Question, asked: Asked | readonly Failure[]): string {
  const { name, type } = question;
  const outcome = "response" in asked ? answerFields(asked) : { errors: asked };
  return `${jsonLine({ question: { name, class: "IN", type }, ...outcome })}\n`;
}

function answerFields({ response, upstream, connection, rejected, peer, again }: Asked) {
  const { rcode, flags, edns, extendedErrors } = response;
  const { address, leaf, tls } = connection;
  return {
    rcode,
    status: response.rcodeText,
    flags,
    answer: response.answer.map(recordFields),
    authority: response.authority.map(recordFields),
    additional: response.additional.map(recordFields),
    edns: edns ?? null,
    extendedErrors: extendedErrors.map((error) => ({ ...error, meaning: error.meaning ?? null })),
    rejected: rejected === undefined ? null : { part: rejected.part, status: rcodeText(rejected.rcode) },
    upstream: { text: upstream.text, address: address.host, port: address.port },
    authentication: {
      name: upstream.adn ?? address.host,
      san: peer.san ?? null,
      chain: peer.subjects,
      roots: peer.rootsOrigin,
      pin: peer.pin ?? null,
      pinAskedFor: upstream.spkiPins.length > 0,
      notAfter: new Date(leaf.notAfterMs).toISOString(),
      daysLeft: peer.daysLeft,
    },
    tls: tlsFields(tls),
    times: timesFields(connection),
    ...(again === undefined ? {} : { again: againFields(again) }),
  };
}

function againFields(again: OneAnswer | UpstreamError) {
  if (again instanceof UpstreamError) return { error: { code: again.code, message: again.message } };
  return { tls: tlsFields(again.tls), times: timesFields(again) };
}

function timesFields({ connectMs, handshakeMs, answerMs }: OneAnswer) {
  const round = (ms: number) => Math.round(ms * 10) / 10;
  return { connectMs: round(connectMs), handshakeMs: round(handshakeMs), answerMs: round(answerMs) };
}

function tlsFields({ protocol, cipher, alpn, resumed }: TlsOutcome) {
  return { protocol, cipher, alpn: alpn ?? null, resumed: resumed ?? null };
}

function recordFields({ name, ttlSeconds, class: ofClass, type, text }: ShownRecord) {
  return { name, ttl: ttlSeconds, class: ofClass, type, data: text };
}
