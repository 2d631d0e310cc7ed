/** Starts a scripted upstream inside this process: for `fdns test-upstream`, `fdns demo` and tests. */

import { systemClock } from "../runtime/clock.ts";
import type { Clock, SocketAddress } from "../runtime/runtime.ts";
import {
  type Admission,
  listenTls,
  type TlsListener,
  type TlsServingContext,
  type TlsVersion,
  tlsServingContext,
} from "../runtime/tls/listen.ts";
import { Agenda } from "./agenda.ts";
import { type CertificateKind, DEFAULT_NAMES, type IssuedCertificate, makeAuthority } from "./certificates.ts";
import { Connection, type Stage } from "./connection.ts";
import { type CounterReport, newCounters, reportCounters, type TestUpstreamCounters } from "./counters.ts";
import { Responder } from "./dns/response.ts";
import { synthesizedAnswers } from "./dns/synthesize.ts";
import { parseZone, zoneAnswers } from "./dns/zone.ts";
import { serverHelloWithUnofferedAlpn } from "./greeting.ts";
import { seededRandom } from "./random.ts";
import { behaviourOfConnection, DEFAULT_SCENARIO, type Scenario } from "./scenario.ts";

/** What TLS negotiates as application protocol (RFC 7301). */
export const ALPN_CHOICES = {
  dot: ["dot"],
  none: [],
  /** Selects h2 or another if the client offers it; a client that offers only "dot" gets a fatal alert. */
  other: ["h2", "http/1.1", "doq"],
  /** Selects h2 though nobody offered it; the handshake ends there (greeting.ts). */
  unoffered: [],
} as const satisfies Record<string, readonly string[]>;

export type AlpnChoice = keyof typeof ALPN_CHOICES;

export interface TestUpstreamOptions {
  /** Default: 127.0.0.1 at any free port. */
  readonly listen?: readonly SocketAddress[];
  readonly certificate?: CertificateKind;
  /** DNS names and addresses the certificate is for. Default: dot.test, 127.0.0.1, ::1. */
  readonly names?: readonly string[];
  /** For the certificate "rotated-key": connections that share one key; 0: a new one only by rotate(). Default 1. */
  readonly rotateEvery?: number;
  readonly tlsVersions?: { readonly min: TlsVersion; readonly max: TlsVersion };
  readonly alpn?: AlpnChoice;
  /** Text of a zone file (zone.ts). Absent: answers are synthesised from the name. */
  readonly zoneText?: string;
  readonly zoneSource?: string;
  readonly scenario?: Scenario;
  readonly seed?: number;
  /** Default: the host's. */
  readonly clock?: Clock;
}

export interface TestUpstream {
  /** Port of the first address. */
  readonly port: number;
  readonly addresses: readonly SocketAddress[];
  readonly caPem: string;
  /** Pin of the first certificate: "sha256/BASE64". */
  readonly spkiPin: string;
  /** They grow as things happen. */
  readonly counters: TestUpstreamCounters;
  /** The counters now, with the facts of the last query. */
  report(): CounterReport;
  /** A new key from the next connection on, for the certificate "rotated-key". */
  rotate(): void;
  /** Behaves like this from now on; what holds for a whole connection does from the next one on. */
  behave(scenario: Scenario): void;
  /** Sends FIN on every connection. */
  closeConnections(): void;
  /** Ends every connection; the ports are free afterwards. */
  close(): Promise<void>;
}

/** Certificates made ahead, because a connection cannot wait for one. */
const STOCK = 4;

interface ServedCertificate {
  readonly issued: IssuedCertificate;
  readonly context: TlsServingContext;
}

/** The certificate each connection gets. */
class Wardrobe {
  readonly #make: () => Promise<ServedCertificate>;
  readonly #rotateEvery: number;
  readonly #onRotated: () => void;
  readonly #stock: ServedCertificate[] = [];
  #current: ServedCertificate;
  #served = 0;

  constructor(
    first: ServedCertificate,
    make: () => Promise<ServedCertificate>,
    rotateEvery: number,
    onRotated: () => void,
  ) {
    this.#current = first;
    this.#make = make;
    this.#rotateEvery = rotateEvery;
    this.#onRotated = onRotated;
  }

  async fill(): Promise<void> {
    while (this.#stock.length < STOCK) this.#stock.push(await this.#make());
  }

  next(): TlsServingContext {
    if (this.#rotateEvery > 0 && this.#served > 0 && this.#served % this.#rotateEvery === 0) this.rotate();
    this.#served++;
    return this.#current.context;
  }

  rotate(): void {
    const fresh = this.#stock.shift();
    if (!fresh) return;
    this.#current = fresh;
    this.#onRotated();
    void this.#make().then((made) => this.#stock.push(made));
  }
}

async function openWardrobe(options: TestUpstreamOptions, clock: Clock, onRotated: () => void) {
  const kind = options.certificate ?? "good";
  const versions = options.tlsVersions ?? { min: "TLSv1.2", max: "TLSv1.3" };
  const authority = await makeAuthority(kind, options.names ?? DEFAULT_NAMES, clock.wallMs);
  const make = async (): Promise<ServedCertificate> => {
    const issued = await authority.issue();
    const { chainPem, keyPem } = issued;
    return {
      issued,
      context: tlsServingContext({ chainPem, keyPem, minVersion: versions.min, maxVersion: versions.max }),
    };
  };
  const first = await make();
  const rotates = kind === "rotated-key";
  const wardrobe = new Wardrobe(first, make, rotates ? (options.rotateEvery ?? 1) : 0, onRotated);
  if (rotates) await wardrobe.fill();
  return { wardrobe, caPem: authority.caPem, spkiPin: first.issued.spkiPin };
}

/**
 * Makes the certificates, binds every address and serves until close().
 * @throws UsageError for a bad zone; Error naming an address that could not be bound (as rejections).
 */
export async function startTestUpstream(options: TestUpstreamOptions = {}): Promise<TestUpstream> {
  const source =
    options.zoneText === undefined
      ? synthesizedAnswers
      : zoneAnswers(parseZone(options.zoneText, options.zoneSource ?? "text"));
  const scenario = options.scenario ?? DEFAULT_SCENARIO;
  const clock = options.clock ?? systemClock;
  const counters = newCounters();
  const random = seededRandom(options.seed ?? 1);
  const agenda = new Agenda(clock);
  const open = new Set<Connection>();
  const stage: Stage = {
    scenario,
    counters,
    random,
    agenda,
    clock,
    responder: new Responder(source, random),
    lastQuery: undefined,
  };
  const { wardrobe, caPem, spkiPin } = await openWardrobe(options, clock, () => counters.keyRotations++);
  const alpn = options.alpn ?? "dot";

  function admit(): Admission {
    counters.connections++;
    const number = counters.connections;
    const { handshake } = behaviourOfConnection(stage.scenario, number);
    if (handshake !== "complete") return { kind: handshake };
    if (alpn === "unoffered") return { kind: "greet", octets: serverHelloWithUnofferedAlpn() };
    return {
      kind: "handshake",
      context: wardrobe.next(),
      alpn: ALPN_CHOICES[alpn],
      onSecure(stream) {
        counters.handshakes++;
        if (stream.resumed) counters.handshakesResumed++;
        const connection = new Connection(stream, number, stage, () => open.delete(connection));
        open.add(connection);
        return connection;
      },
    };
  }

  const listeners: TlsListener[] = [];
  const close = async () => {
    agenda.clear();
    await Promise.all(listeners.map((listener) => listener.close()));
  };
  try {
    for (const address of options.listen ?? [{ host: "127.0.0.1", port: 0 }]) {
      listeners.push(
        await listenTls({
          address,
          onConnection: admit,
          onHandshakeFailure: () => counters.handshakesFailed++,
        }),
      );
    }
  } catch (cause) {
    await close();
    throw cause;
  }
  return {
    port: listeners[0]!.address.port,
    addresses: listeners.map((listener) => listener.address),
    caPem,
    spkiPin,
    counters,
    report: () => reportCounters(counters, stage.lastQuery),
    rotate: () => wardrobe.rotate(),
    behave(changed) {
      stage.scenario = changed;
    },
    closeConnections() {
      for (const connection of open) connection.close();
    },
    close,
  };
}
