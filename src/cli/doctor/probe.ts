/** Everything `fdns doctor` asks of one address of an upstream: three connections, each step bounded. */

import { X509Certificate } from "node:crypto";
import type { TlsHello, UpstreamAddress } from "../../config/config.ts";
import { showResponse } from "../../presentation/message.ts";
import type { SocketAddress } from "../../runtime/runtime.ts";
import { Hello, type HelloLimits } from "../../upstream/dial/hello.ts";
import { answerFacts } from "../../upstream/examine/answer-facts.ts";
import { askAccepted, without } from "../../upstream/examine/ask-accepted.ts";
import { askOnce, type OneAnswer, type OneQueryParts, type QuestionToAsk } from "../../upstream/examine/one-query.ts";
import { matchingName, nameInOneLine, pinOf, subjectsOf } from "../../upstream/examine/peer-facts.ts";
import { type ProbeAnswer, ProbeConnection } from "../../upstream/examine/probe-connection.ts";
import { UpstreamError } from "../../upstream/exchange.ts";
import type { AddressFacts, Again, CertificateFacts, Failure, IdleFacts, OrderFacts, Seen } from "./facts.ts";
import { newName, ROOT_KEYS, ROOT_SERVERS, ROOT_SOA } from "./questions.ts";

export interface ProbeParts extends OneQueryParts {
  /** How long an idle connection is watched; 0: not at all. */
  readonly idleBoundMs: number;
  readonly tlsHello: TlsHello;
  readonly hello: HelloLimits;
}

/** How often an answer is given the chance to overtake another. */
const PAIRS = 4;
/** A new name counts as slow when it took so much longer than a cached one. */
const SLOW_FACTOR = 2;
const SLOW_MS = 20;
/** The connection must outlive what is measured on it. */
const SLACK_MS = 5000;

/** Never rejects: what fails is a fact. `step` is told what is being done. */
export async function probeAddress(
  upstream: UpstreamAddress,
  host: string,
  given: ProbeParts,
  step: (doing: string) => void,
): Promise<AddressFacts> {
  let onlySmallHello = false;
  const hello = new Hello(given.tlsHello, given.clock, given.dialTls, given.hello, () => {
    onlySmallHello = true;
  });
  const parts = { ...given, dialTls: hello.dial };
  const address = { host, port: upstream.port };
  const family = host.includes(":") ? 6 : 4;
  const watched = watchStage(parts);
  try {
    step("connecting");
    const { answer: first, rejected } = await askAccepted(ROOT_KEYS, (form) =>
      askOnce(upstream, address, form, watched.parts, { await: true }),
    );
    const accepted = (question: QuestionToAsk) => without(question, rejected?.part);
    const response = showResponse(first.message);
    step("resuming");
    const again = await askAgain(upstream, address, accepted(ROOT_SOA), parts, first.session);
    step("order of answers");
    const rest = await probeConnection(upstream, address, accepted, parts, first.session, step);
    const seen: Seen = {
      connectMs: first.connectMs,
      handshakeMs: first.handshakeMs,
      answerMs: first.answerMs,
      certificate: certificateFacts(upstream, first),
      tls: first.tls,
      onlySmallHello,
      again,
      ticket: first.tls.resumed === undefined ? undefined : first.session !== undefined,
      rejected,
      rcode: response.rcode,
      rcodeText: response.rcodeText,
      signatures: response.answer.some(({ type }) => type === "RRSIG"),
      authenticData: response.flags.includes("ad"),
      extendedErrors: response.extendedErrors,
      ...answerFacts(first.message),
      ...rest,
    };
    return { ...address, family, failure: undefined, seen };
  } catch (error) {
    return { ...address, family, failure: failureOf(error, watched.stage()), seen: undefined };
  }
}

/** The parts, with an ear at the dialling: an error alone does not say how far it came. */
function watchStage(parts: OneQueryParts): { parts: OneQueryParts; stage: () => Failure["stage"] } {
  let stage: Failure["stage"] = "connect";
  const dialTls: OneQueryParts["dialTls"] = (options) =>
    parts.dialTls({
      ...options,
      onConnect: () => {
        stage = "handshake";
        options.onConnect?.();
      },
      onSecure: (outcome) => {
        stage = "answer";
        options.onSecure(outcome);
      },
    });
  return { parts: { ...parts, dialTls }, stage: () => stage };
}

export function failureOf(error: unknown, stage: Failure["stage"]): Failure {
  if (error instanceof UpstreamError) {
    const { code } = (error.cause ?? {}) as { code?: unknown };
    return { code: error.code, message: error.message, stage, cause: typeof code === "string" ? code : undefined };
  }
  // An answer that cannot be read is the server's fault too.
  const message = `its answer is malformed: ${(error as Error).message}`;
  return { code: "malformed", message, stage, cause: undefined };
}

async function askAgain(
  upstream: UpstreamAddress,
  address: SocketAddress,
  question: QuestionToAsk,
  parts: OneQueryParts,
  session: Uint8Array | undefined,
): Promise<Again | Failure> {
  const watched = watchStage(parts);
  try {
    const ticket = session === undefined ? {} : { use: session };
    const { connectMs, handshakeMs, tls } = await askOnce(upstream, address, question, watched.parts, ticket);
    return { connectMs, handshakeMs, resumed: tls.resumed };
  } catch (error) {
    return failureOf(error, watched.stage());
  }
}

/** What takes one connection and several questions, each in the form that `accepted` gives it. */
async function probeConnection(
  upstream: UpstreamAddress,
  address: SocketAddress,
  accepted: (question: QuestionToAsk) => QuestionToAsk,
  parts: ProbeParts,
  session: Uint8Array | undefined,
  step: (doing: string) => void,
): Promise<{ order: OrderFacts; idle: IdleFacts | undefined }> {
  const connection = new ProbeConnection(upstream, address, parts, parts.idleBoundMs + SLACK_MS, session);
  try {
    const order = await orderFacts({ ask: (question) => connection.ask(accepted(question)) }, parts);
    if (parts.idleBoundMs === 0 || connection.failure !== undefined) return { order, idle: undefined };
    step("idle");
    await connection.ended(Math.max(0, parts.idleBoundMs - connection.idleMs));
    return { order, idle: { keptMs: connection.idleMs, closedByServer: connection.failure !== undefined } };
  } finally {
    connection.end();
  }
}

/**
 * A new name and a cached one in one write, the new one first, a few times. If the cached one comes first even once,
 * answers overtake each other; if new names were slow and the cached one came behind them, they do not. If new names
 * were as quick as cached ones, nothing can be told.
 */
export async function orderFacts(
  connection: Pick<ProbeConnection, "ask">,
  { random, clock, answerBoundMs }: Pick<ProbeParts, "random" | "clock" | "answerBoundMs">,
): Promise<OrderFacts> {
  const endMs = clock.nowMs() + answerBoundMs;
  let pairs = 0;
  let slow = 0;
  try {
    const alone = await connection.ask(ROOT_SERVERS);
    for (; pairs < PAIRS && clock.nowMs() < endMs; pairs++) {
      const fresh = connection.ask(newName(random));
      const cached = connection.ask(ROOT_SERVERS);
      const first = await firstOf(fresh, cached);
      if (first === "second") return { outOfOrder: "yes", reason: undefined };
      if ((await fresh).tookMs > alone.tookMs * SLOW_FACTOR + SLOW_MS) slow++;
      await cached;
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return { outOfOrder: "unknown", reason: error.message };
  }
  if (slow > 0 && slow * 2 >= pairs) return { outOfOrder: "no", reason: undefined };
  return { outOfOrder: "unknown", reason: "it answered new names as quickly as known ones" };
}

/** Which of two is answered first; rejects if the one that settles first was not. */
function firstOf(one: Promise<ProbeAnswer>, two: Promise<ProbeAnswer>): Promise<"first" | "second"> {
  // The loser may still fail, and nobody waits for it.
  one.catch(() => {});
  two.catch(() => {});
  return Promise.race([one.then(() => "first" as const), two.then(() => "second" as const)]);
}

function certificateFacts(upstream: UpstreamAddress, { leaf, chain, address }: OneAnswer): CertificateFacts {
  const { issuer, validFrom } = new X509Certificate(leaf.raw);
  return {
    name: upstream.adn ?? address.host,
    san: matchingName(leaf, upstream.adn, address.host),
    issuer: subjectsOf(chain)[1] ?? nameInOneLine(issuer),
    notBeforeMs: Date.parse(validFrom),
    notAfterMs: leaf.notAfterMs,
    pin: pinOf(leaf),
    pinAskedFor: upstream.spkiPins.length > 0,
  };
}
