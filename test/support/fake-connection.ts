import type { StreamHandler, TlsOutcome } from "../../src/runtime/runtime.ts";
import {
  type ConnectionLimits,
  type ConnectionOwner,
  DotConnection,
} from "../../src/upstream/connection/connection.ts";
import type { UpstreamError } from "../../src/upstream/exchange.ts";
import { FakeClock } from "./fake-clock.ts";
import { frames } from "./fake-messages.ts";
import { fakeRandom } from "./fake-random.ts";
import { FakeStream } from "./fake-stream.ts";
import { connectionLimits, FakeExchange, idleMs, labelOf } from "./fake-upstream.ts";

/** One connection, its owner's diary, and both ends of its stream. */
export class Scene implements ConnectionOwner {
  readonly clock = new FakeClock();
  readonly stream = new FakeStream(this.clock);
  readonly diary: string[] = [];
  readonly connection: DotConnection;
  #onSecure!: (outcome: TlsOutcome) => void;

  constructor(limits: Partial<ConnectionLimits> = {}, maxQueries = Number.POSITIVE_INFINITY) {
    this.connection = new DotConnection({
      clock: this.clock,
      random: fakeRandom(3),
      limits: { ...connectionLimits, ...limits },
      owner: this,
      maxQueries,
      retireAfterMs: () => idleMs,
      dial: (onSecure: (outcome: TlsOutcome) => void, handler: StreamHandler) => {
        this.#onSecure = onSecure;
        this.stream.handler = handler;
        return this.stream;
      },
    });
  }

  secure(alpn: string | undefined = "dot"): this {
    this.#onSecure({ protocol: "TLSv1.3", cipher: "any", alpn, resumed: false });
    return this;
  }

  send(...labels: string[]): FakeExchange[] {
    return labels.map((label) => {
      const exchange = new FakeExchange(label);
      this.connection.send(exchange);
      return exchange;
    });
  }

  receive(...messages: (Uint8Array | number[])[]): void {
    this.stream.receive(frames(...messages));
    this.clock.turn();
  }

  /** The query for this label, as the server saw it. */
  seen(label: string): Uint8Array {
    return this.stream.messages.find((query) => labelOf(query) === label)!;
  }

  onKeepalive(ms: number): void {
    this.diary.push(`keepalive ${ms}`);
  }
  onReady(): void {
    this.diary.push("ready");
  }
  onResponse(exchange: FakeExchange): void {
    this.diary.push(`answer ${exchange.label}`);
  }
  onMalformed(exchange: FakeExchange): void {
    this.diary.push(`malformed ${exchange.label}`);
  }
  onClosed(_connection: DotConnection, error: UpstreamError, unanswered: FakeExchange[]): void {
    this.diary.push(`closed: ${error.code}: ${error.message}: ${unanswered.map(({ label }) => label).join()}`);
  }
}

export const ready = (limits?: Partial<ConnectionLimits>) => new Scene(limits).secure();
