/** Upstreams whose handshakes, answers and ends are the test's to choose. */

import type { UpstreamAddress } from "../../src/config/config.ts";
import type { ByteStream, TlsDialOptions, TlsOutcome } from "../../src/runtime/runtime.ts";
import type { DotUpstreamLimits, DotUpstreamParts } from "../../src/upstream/dot/dot-upstream-parts.ts";
import { Exchange, type UpstreamError } from "../../src/upstream/exchange.ts";
import type { GroupLimits } from "../../src/upstream/group/group-limits.ts";
import type { ResponseLayout } from "../../src/wire/response.ts";
import type { FakeClock } from "./fake-clock.ts";
import { FakeLog } from "./fake-log.ts";
import { frames, message, question } from "./fake-messages.ts";
import { fakeRandom } from "./fake-random.ts";
import { FakeStream } from "./fake-stream.ts";

const goodOutcome: TlsOutcome = { protocol: "TLSv1.3", cipher: "any", alpn: "dot", resumed: false };

/** One connection to a fake upstream, seen from the upstream. */
export class FakeDial {
  readonly options: TlsDialOptions;
  readonly stream: FakeStream;
  readonly #clock: FakeClock;
  #answered = 0;

  constructor(clock: FakeClock, options: TlsDialOptions) {
    this.#clock = clock;
    this.options = options;
    this.stream = new FakeStream(clock);
    this.stream.handler = options.handler;
  }

  get host(): string {
    return this.options.address.host;
  }

  /** The queries it received. */
  get queries(): Uint8Array[] {
    return this.stream.messages;
  }

  /** The handshake ends well. */
  secure(outcome: Partial<TlsOutcome> = {}): this {
    if (!this.stream.closed) this.options.onSecure({ ...goodOutcome, ...outcome });
    this.#clock.turn();
    return this;
  }

  /** The handshake, or the connection, fails. */
  fail(code: string): void {
    this.close(Object.assign(new Error(code), { code }));
  }

  close(cause?: Error): void {
    this.stream.close(cause);
    this.#clock.turn();
  }

  send(...messages: readonly (Uint8Array | readonly number[])[]): void {
    this.stream.receive(frames(...messages));
    this.#clock.turn();
  }

  /** Answers every query that it has not answered yet. */
  answerAll(flags?: number): void {
    const queries = this.queries.slice(this.#answered);
    this.#answered += queries.length;
    for (const query of queries) this.send(answerTo(query, flags));
  }
}

/** The query with its question, as a response: QR, RD, RA, NOERROR, unless flags say otherwise. */
export function answerTo(query: Uint8Array, flags = 0x8180): Uint8Array {
  const questionEnd = query.indexOf(0, 12) + 5;
  return message({
    id: (query[0]! << 8) | query[1]!,
    flags,
    questions: [[...query.subarray(12, questionEnd)]],
  });
}

export function idOf(query: Uint8Array): number {
  return (query[0]! << 8) | query[1]!;
}

/** The first label of the name asked for: tests give each query its own. */
export function labelOf(query: Uint8Array): string {
  return Buffer.from(query.subarray(13, 13 + query[12]!)).toString("latin1");
}

export const idleMs = 8000;
export const connectionLimits = {
  dialMs: 2500,
  maxTakenIds: 4096,
  maxUnsentOctets: 1_048_576,
  maxUnsolicited: 4,
};
export const upstreamLimits: DotUpstreamLimits = {
  connection: connectionLimits,
  maxConnections: 2,
  maxIsolated: 4,
  health: { redialMs: 1000, minBackOffMs: 1000, maxBackOffMs: 30_000 },
  idle: { idleMs, maxIdleMs: 60_000 },
  maxWaiting: 16_384,
  hello: { fullMs: 1000, rememberMs: 3_600_000 },
  plainMs: 900_000,
  minSilenceMs: 500,
  maxSilenceMs: 1500,
};
export const groupLimits: GroupLimits = { strategy: "ordered", minAttemptMs: 500, attemptMs: 1500, maxResends: 3 };

/** Dials that the test answers, and the parts a server needs around them. */
export class FakeNetwork {
  readonly clock: FakeClock;
  readonly log = new FakeLog();
  readonly dials: FakeDial[] = [];
  /** Look-ups under way: host name and what to tell. */
  readonly lookUps: { hostName: string; done: (found: readonly string[] | UpstreamError, isLast?: boolean) => void }[] =
    [];

  constructor(clock: FakeClock) {
    this.clock = clock;
  }

  parts(limits: Partial<DotUpstreamLimits> = {}): DotUpstreamParts {
    return {
      clock: this.clock,
      random: fakeRandom(5),
      log: this.log,
      trust: { pem: [], context: undefined },
      tlsHello: "full",
      dialTls: (options): ByteStream => {
        const dial = new FakeDial(this.clock, options);
        this.dials.push(dial);
        return dial.stream;
      },
      lookUp: (hostName, onFound) =>
        this.lookUps.push({ hostName, done: (found, isLast = true) => onFound(found, isLast) }),
      limits: { ...upstreamLimits, ...limits },
    };
  }

  get last(): FakeDial {
    const dial = this.dials.at(-1);
    if (dial === undefined) throw new Error("nothing was dialled");
    return dial;
  }
}

export function identity(text: string, parts: Partial<UpstreamAddress> = {}): UpstreamAddress {
  return { text, addresses: [text], hostName: undefined, port: 853, adn: undefined, spkiPins: [], ...parts };
}

/** An exchange that remembers what it was told. */
export class FakeExchange extends Exchange {
  readonly label: string;
  /** "answer 0" with the RCODE, or the code of the failure. */
  readonly told: string[] = [];
  /** Called when it is told. */
  onTold = (): void => {};
  answer: Uint8Array | undefined;

  constructor(label = "a", deadlineMs = 0) {
    super();
    this.label = label;
    const asked = message({ questions: [question(`${label}.test`)] });
    this.query.parse(asked, 0, asked.length);
    this.begin(deadlineMs);
  }

  override onResponse(octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.answer = octets.slice(start, start + layout.bodyOctets);
    this.told.push(`answer ${layout.rcode}`);
    this.onTold();
  }

  override onFailure(error: UpstreamError): void {
    this.told.push(error.code);
    this.onTold();
  }
}
