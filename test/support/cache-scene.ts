/** The resolver with a real cache, clients that keep their answers, and upstreams that answer when the test says so. */

import { CacheTime } from "../../src/cache/cache-time.ts";
import type { LifetimeLimits } from "../../src/cache/lifetime.ts";
import { keyedHash } from "../../src/cache/store/hash.ts";
import { CacheStore } from "../../src/cache/store/store.ts";
import { AccessList, LOCAL_PREFIXES } from "../../src/policy/access.ts";
import { Arrivals } from "../../src/resolver/arrivals.ts";
import { CachedAnswers } from "../../src/resolver/cached-answers.ts";
import { Resolver } from "../../src/resolver/resolver.ts";
import type { ResolverParts } from "../../src/resolver/resolver-parts.ts";
import { PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { type Exchange, UpstreamError, type UpstreamErrorCode } from "../../src/upstream/exchange.ts";
import { ResponseLayout } from "../../src/wire/response.ts";
import { FakeClock } from "./fake-clock.ts";
import { type MessageParts, message, opt, question, response, TO_QUESTION } from "./fake-messages.ts";
import { fakeRandom } from "./fake-random.ts";
import { FakeSink, peerOf } from "./fake-sink.ts";
import { type Reply, readReply } from "./reply.ts";
import { A, timed } from "./timed-records.ts";

export const QUERY_TIMEOUT_MS = 4000;
export const DAY_SECONDS = 86_400;

export interface CacheSceneOptions {
  /** 0: no cache. */
  readonly cacheOctets?: number;
  /** The cache's, to be shared with other threads. */
  readonly memory?: SharedArrayBuffer;
  readonly staleSeconds?: number;
  readonly limits?: Partial<LifetimeLimits>;
  readonly parts?: Partial<ResolverParts>;
  /** An upstream that deals with a query before ask() returns; true: it did. */
  readonly atOnce?: (exchange: Exchange) => boolean;
}

export interface AskParts {
  readonly type?: number;
  readonly qclass?: number;
  readonly id?: number;
  /** Both octets of flags; RD if not said. */
  readonly flags?: number;
  /** No OPT if null; 4096 octets if not said. */
  readonly size?: number | null;
  readonly dnssecOk?: boolean;
  /** Options of the OPT. */
  readonly options?: readonly number[];
  readonly transport?: "udp" | "tcp";
}

/** The octets of such a query. */
export function stubQuery(owner: string | readonly number[], parts: AskParts = {}): Uint8Array {
  const { type = A, qclass = 1, id = 1, flags = 0x0100, size = 4096, dnssecOk = false, options = [] } = parts;
  return message({
    id,
    flags,
    questions: [question(owner, type, qclass)],
    additional: size === null ? [] : [opt({ size, dnssecOk, options })],
  });
}

/** One query and what became of it. */
export class Client {
  readonly id: number;
  readonly #sink: FakeSink;

  constructor(id: number, sink: FakeSink) {
    this.id = id;
    this.#sink = sink;
  }

  get isAnswered(): boolean {
    return this.#sink.sent.length > 0;
  }

  /** The only response; throws if there are none or several. */
  get reply(): Reply {
    if (this.#sink.sent.length !== 1) throw new Error(`${this.#sink.sent.length} responses instead of one`);
    return readReply(this.#sink.sent[0]!.octets);
  }
}

export class CacheScene {
  readonly clock = new FakeClock();
  /** The queries upstreams have not answered yet, and how many they were asked in all. */
  readonly asked: Exchange[] = [];
  askedInAll = 0;
  /** What the host spent suspended. */
  suspendedMs = 0;
  readonly clients: Client[] = [];
  readonly store: CacheStore | undefined;
  readonly resolver: Resolver;
  readonly arrivals: Arrivals;

  constructor(options: CacheSceneOptions = {}) {
    const { cacheOctets = 2 ** 20, staleSeconds = DAY_SECONDS, limits, parts, atOnce, memory } = options;
    const { clock } = this;
    const random = fakeRandom(7);
    const store =
      cacheOctets === 0 ? undefined : new CacheStore(memory ?? new SharedArrayBuffer(cacheOctets), { random });
    const time = new CacheTime({ clock, uptimeMs: () => clock.nowMs() + this.suspendedMs });
    this.store = store;
    this.resolver = new Resolver({
      clock,
      upstreams: {
        ask: (exchange) => {
          this.askedInAll++;
          if (atOnce?.(exchange) !== true) this.asked.push(exchange);
        },
      },
      answers:
        store &&
        new CachedAnswers({
          store,
          clock,
          time,
          lifetime: { minSeconds: 0, maxSeconds: DAY_SECONDS, maxNegativeSeconds: 3600, ...limits },
          staleSeconds,
        }),
      access: new AccessList(LOCAL_PREFIXES),
      queryTimeoutMs: QUERY_TIMEOUT_MS,
      staleAfterMs: 1800,
      maxInFlight: 10_000,
      maxWaiters: 1000,
      failures: { firstMs: 1000, maxMs: 5000, recheckMs: 30_000 },
      maxUdpOctets: 1232,
      ...parts,
    });
    this.arrivals = new Arrivals(this.resolver, store?.hash ?? keyedHash(random), store);
  }

  /** Asks for a name, as text or in wire form; A unless said otherwise. */
  ask(owner: string | readonly number[] = "a.test", parts: AskParts = {}): Client {
    const id = parts.id ?? this.clients.length + 1;
    const octets = stubQuery(owner, { ...parts, id });
    const sink = new FakeSink(parts.transport === "tcp" ? undefined : 1232);
    const client = new Client(id, sink);
    this.clients.push(client);
    const peers = peerOf("127.0.0.1", 1 + (this.clients.length % 60_000));
    const nowMs = this.clock.nowMs();
    if (!this.arrivals.onQuery(octets, 0, octets.length, sink, peers, PEER_OCTETS, nowMs)) throw new Error("dropped");
    octets.fill(0);
    peers.fill(0);
    return client;
  }

  /** An upstream answers the oldest query; the records' first owner may be TO_QUESTION. */
  answer(parts: MessageParts = {}, exchange = this.#oldest()): void {
    this.#done(exchange);
    respond(exchange, parts);
  }

  /** The oldest query fails. */
  fail(code: UpstreamErrorCode = "timeout", exchange = this.#oldest()): void {
    this.#done(exchange);
    exchange.onFailure(new UpstreamError(code, "for a test"));
  }

  /** Asks, has it answered, and returns the reply. */
  learn(parts: MessageParts = {}, owner?: string | readonly number[], ask?: AskParts): Reply {
    const client = this.ask(owner, ask);
    this.answer(parts);
    return client.reply;
  }

  seconds(seconds: number): void {
    this.clock.advance(seconds * 1000);
  }

  #oldest(): Exchange {
    const [first] = this.asked;
    if (first === undefined) throw new Error("no query is on its way");
    return first;
  }

  #done(exchange: Exchange): void {
    this.asked.splice(this.asked.indexOf(exchange), 1);
  }
}

/** Hands an exchange a response to its own question. */
export function respond(exchange: Exchange, parts: MessageParts = {}): void {
  const { question: asked, questionOctets } = exchange.query;
  const octets = response({ questions: [[...asked.subarray(0, questionOctets)]], ...parts });
  const layout = new ResponseLayout();
  if (!layout.scan(octets, 0, octets.length)) throw new Error("a malformed response");
  exchange.onResponse(octets, 0, layout);
  // Upstreams' octets are overwritten by what arrives next.
  octets.fill(0xee);
}

/** An address of the name asked for. */
export const a = (ttlSeconds: number, last = 1): number[] => timed(TO_QUESTION, A, ttlSeconds, [192, 0, 2, last]);
/** NOERROR with such an address. */
export const positive = (ttlSeconds: number, last = 1): MessageParts => ({ answers: [a(ttlSeconds, last)] });
