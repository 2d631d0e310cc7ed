/** Asks the upstreams in their order until one answers, as the forwarder would, and gathers what is shown of it. */

import type { Config, HelloSize, UpstreamAddress } from "../../config/config.ts";
import { loadTrustedRoots } from "../../config/trusted-roots.ts";
import { silentLog } from "../../observe/silent-log.ts";
import { type ShownResponse, showResponse } from "../../presentation/message.ts";
import { selectRuntime } from "../../runtime/select.ts";
import { groupLimits, upstreamLimits } from "../../serving/limits.ts";
import { type Bootstrap, bootstrapLookUp } from "../../upstream/dial/bootstrap.ts";
import { Hello } from "../../upstream/dial/hello.ts";
import { type AcceptedAnswer, askAccepted, type RejectedForm, without } from "../../upstream/examine/ask-accepted.ts";
import { askOnce, type OneAnswer, type OneQueryParts, type QuestionToAsk } from "../../upstream/examine/one-query.ts";
import { matchingName, pinOf, subjectsOf } from "../../upstream/examine/peer-facts.ts";
import { UpstreamError } from "../../upstream/exchange.ts";
import type { Question } from "./question.ts";

/** A question, its answer, and who gave it. */
export interface Asked {
  readonly question: Question;
  readonly response: ShownResponse;
  readonly upstream: UpstreamAddress;
  readonly connection: OneAnswer;
  /** What the upstream rejected, and was asked again without. */
  readonly rejected: RejectedForm | undefined;
  /** Of the ClientHello that reached it. */
  readonly helloSize: HelloSize;
  readonly peer: PeerFacts;
  /** A second connection, where one was asked for, or why it failed. */
  readonly again: OneAnswer | UpstreamError | undefined;
  /** Whether the server gave a ticket for it. */
  readonly hasTicket: boolean;
}

/** What authentication went by. */
export interface PeerFacts {
  readonly san: string | undefined;
  readonly subjects: readonly string[];
  readonly rootsOrigin: string;
  /** "sha256/BASE64" */
  readonly pin: string | undefined;
  readonly daysLeft: number;
}

const DAY_MS = 86_400_000;

/**
 * Resolves to the first answer; undefined when no upstream gave one. Each that failed is told to `onFailure`.
 * @throws UsageError (as a rejection) for roots that cannot be had.
 */
export async function askUpstreams(
  config: Config,
  question: Question,
  resume: boolean,
  onFailure: (upstream: UpstreamAddress, error: UpstreamError) => void,
): Promise<Asked | undefined> {
  const runtime = selectRuntime();
  const { clock, random, dialTls } = runtime;
  const roots = loadTrustedRoots(config.ca);
  const parts: OneQueryParts = {
    clock,
    random,
    dialTls,
    trust: runtime.trustAnchors(roots.pem),
    limits: upstreamLimits.connection,
    answerBoundMs: config.queryTimeoutMs,
  };
  const tlsHello = runtime.choosesHello ? config.tlsHello : "full";
  const bootstrap = bootstrapLookUp(
    config.bootstrap,
    { ...parts, log: silentLog, limits: upstreamLimits, tlsHello },
    groupLimits,
  );
  const askOne = async (upstream: UpstreamAddress): Promise<Asked> => {
    const hello = new Hello(tlsHello, clock, dialTls, upstreamLimits.hello, () => {});
    const its = { ...parts, dialTls: hello.dial };
    const addresses = addressesOf(upstream, bootstrap);
    const { answer: connection, rejected } = await askAddresses(upstream, addresses, question, its, resume);
    const accepted = without(question, rejected?.part);
    const again = resume ? await askAgain(upstream, connection, accepted, its) : undefined;
    const peer = peerFacts(upstream, connection, roots.origin, clock.wallMs());
    const response = readable(connection.message);
    const hasTicket = connection.session !== undefined;
    return { question, response, upstream, connection, rejected, helloSize: hello.size, peer, again, hasTicket };
  };
  try {
    for (const upstream of config.upstreams) {
      try {
        return await askOne(upstream);
      } catch (error) {
        if (!(error instanceof UpstreamError)) throw error;
        onFailure(upstream, error);
      }
    }
    return undefined;
  } finally {
    await bootstrap.stop();
  }
}

/** The addresses to dial, each as soon as it is known. @throws UpstreamError when a name cannot be resolved. */
export async function* addressesOf(upstream: UpstreamAddress, bootstrap: Bootstrap): AsyncGenerator<string> {
  const { addresses, hostName } = upstream;
  if (hostName === undefined) return yield* addresses;
  let known: readonly string[] | UpstreamError = [];
  let isComplete = false;
  let onNews = (): void => {};
  bootstrap.lookUp(hostName, (found, isLast) => {
    known = found;
    isComplete = isLast;
    onNews();
  });
  const given = new Set<string>();
  while (true) {
    if ((known as unknown) instanceof UpstreamError) throw known;
    const next: string | undefined = known.find((host) => !given.has(host));
    if (next !== undefined) {
      given.add(next);
      yield next;
    } else if (isComplete) return;
    else await new Promise<void>((resolve) => (onNews = resolve));
  }
}

/** One address after the other; of their failures one of authentication says the most. */
async function askAddresses(
  upstream: UpstreamAddress,
  addresses: AsyncIterable<string>,
  question: Question,
  parts: OneQueryParts,
  resume: boolean,
): Promise<AcceptedAnswer> {
  const failures: UpstreamError[] = [];
  for await (const host of addresses) {
    try {
      const address = { host, port: upstream.port };
      return await askAccepted(question, (form) => askOnce(upstream, address, form, parts, { await: resume }));
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error;
      failures.push(error);
    }
  }
  throw failures.find(({ code }) => code === "authentication") ?? failures[0]!;
}

/** The same of the same, with the session of the first time if there is one. */
async function askAgain(
  upstream: UpstreamAddress,
  { session, address }: OneAnswer,
  question: QuestionToAsk,
  parts: OneQueryParts,
): Promise<OneAnswer | UpstreamError> {
  try {
    return await askOnce(upstream, address, question, parts, session === undefined ? {} : { use: session });
  } catch (error) {
    if (error instanceof UpstreamError) return error;
    throw error;
  }
}

function readable(message: Uint8Array): ShownResponse {
  try {
    return showResponse(message);
  } catch (cause) {
    throw new UpstreamError("malformed", `its answer is malformed: ${(cause as Error).message}`, { cause });
  }
}

function peerFacts(
  { adn }: UpstreamAddress,
  { leaf, chain, address }: OneAnswer,
  rootsOrigin: string,
  wallMs: number,
): PeerFacts {
  return {
    san: matchingName(leaf, adn, address.host),
    subjects: subjectsOf(chain),
    rootsOrigin,
    pin: pinOf(leaf),
    daysLeft: Math.floor((leaf.notAfterMs - wallMs) / DAY_MS),
  };
}
