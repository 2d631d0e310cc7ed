/**
 * From the addresses the operator gave to bound sockets, UDP and TCP on each. A wildcard is one socket where that
 * can be, else one for each local address of the host, followed as they come and go.
 */

import type { ListenAddress } from "../config/config.ts";
import type { Log } from "../observe/log.ts";
import { systemErrorText } from "../observe/system-error.ts";
import {
  BindError,
  type Clock,
  type LocalAddress,
  type Runtime,
  type Sharing,
  type SocketAddress,
  type UdpCounters,
  type UdpEngine,
} from "../runtime/runtime.ts";
import { formatSocketAddress } from "../runtime/sockaddr.ts";
import type { BatchHandler } from "./query-handler.ts";
import type { TcpClients } from "./tcp-listener.ts";
import { UdpListener } from "./udp-listener.ts";

export interface ListenParts {
  readonly runtime: Pick<Runtime, "listenTcp" | "localAddresses">;
  readonly clock: Clock;
  readonly log: Log;
  readonly engine: UdpEngine;
  readonly maxUdpOctets: number;
  /** How often the host's addresses are read where sockets follow them. */
  readonly followMs: number;
  readonly onBatch: BatchHandler;
  readonly clients: Pick<TcpClients, "accept">;
  /** What is received and sent over UDP is added here. */
  readonly udpCounters?: UdpCounters;
  /** Other workers will join() the sockets of this one. */
  readonly shares?: boolean;
}

/** A socket that others of this process may share. */
export interface SharedSocket extends SocketAddress {
  readonly transport: "UDP" | "TCP";
}

/** A socket, or several on one port. */
interface Bound {
  readonly port: number;
  close(): void;
}

/** A transport that can be bound to one address. */
interface Transport {
  readonly name: "UDP" | "TCP";
  open(address: SocketAddress, sharing: Sharing | undefined): Promise<Bound>;
}

type OnFault = (fault: Error) => void;

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

/** How often the kernel is asked for another port when the one it chose for UDP is held for TCP. */
const PORT_TRIES = 8;

const TELL_SHORTAGE_MS = 60_000;

const WILDCARDS = ["0.0.0.0", "::"] as const;

export class Listeners {
  readonly #parts: ListenParts;
  readonly #open: Bound[] = [];
  readonly #udp: Transport;
  readonly #tcp: Transport;
  readonly #onFault: OnFault;
  /** Of every UDP socket there ever was. */
  readonly udpCounters: UdpCounters;
  /** What was bound, for the start-up line. */
  readonly bound: BoundAddress[] = [];
  /** What other workers may join(): all but the sockets that follow the host's addresses, of which there is one set. */
  readonly shared: SharedSocket[] = [];
  receiveBufferOctets = 0;
  #isTold = false;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(parts: ListenParts) {
    this.#parts = parts;
    const faults = new Set<string>();
    const onFault: OnFault = (fault) => {
      const why = systemErrorText(fault);
      if (faults.has(why)) return;
      faults.add(why);
      parts.log.warn(`listening goes on after a fault: ${why}`);
    };
    this.#onFault = onFault;
    const counters = parts.udpCounters ?? { received: 0, sent: 0, oversize: 0, sendFailures: 0 };
    this.udpCounters = counters;
    this.#udp = {
      name: "UDP",
      open: async (address, sharing) => {
        const options = { address, sharing, counters, onFault };
        const listener = await UdpListener.open(parts.engine, options, parts.maxUdpOctets, parts.clock, parts.onBatch);
        this.receiveBufferOctets = listener.socket.receiveBufferOctets;
        return { port: listener.port, close: () => listener.close() };
      },
    };
    this.#tcp = {
      name: "TCP",
      open: async (address, sharing) => {
        const onShortage = this.#onShortage;
        const options = { address, sharing, onConnection: parts.clients.accept, onFault, onShortage };
        const listener = await parts.runtime.listenTcp(options);
        return { port: listener.address.port, close: () => listener.close() };
      },
    };
  }

  /** Told once a minute at most: it can come and go with each client. */
  readonly #onShortage = (isShort: boolean): void => {
    const { clock, log } = this.#parts;
    if (isShort === this.#isTold || (isShort && clock.nowMs() - this.#toldMs < TELL_SHORTAGE_MS)) return;
    this.#isTold = isShort;
    if (isShort) this.#toldMs = clock.nowMs();
    if (isShort) log.warn("this host has no free descriptors: new TCP clients are not taken until there are some");
    else log.info("there are free descriptors again: new TCP clients are taken");
  };

  /** Binds every address, or closes what it bound and rejects with the reason. */
  async open(addresses: readonly ListenAddress[]): Promise<void> {
    try {
      for (const address of addresses) await this.#openAddress(address);
      if (this.bound.length === 0)
        throw new Error("no address to listen on: this host has none of the families asked for");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Beside the sockets of another worker: all of them, or it closes what it has and rejects with the reason. */
  async join(sockets: readonly SharedSocket[]): Promise<void> {
    try {
      for (const { transport, host, port } of sockets) {
        const of = transport === "UDP" ? this.#udp : this.#tcp;
        this.#open.push(await of.open({ host, port }, "further"));
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const one of this.#open.splice(0)) one.close();
  }

  async #openAddress({ host, port, optional }: ListenAddress): Promise<void> {
    if (host !== "*") {
      await this.#openFamily(host, port, optional);
      return;
    }
    let chosen = port;
    for (const wildcard of WILDCARDS) {
      chosen = (await this.#openFamily(wildcard, chosen, true)) ?? chosen;
    }
  }

  /** UDP and TCP on one host, on the same port, which is returned; undefined where an optional host is missing. */
  async #openFamily(host: string, port: number, optional: boolean): Promise<number | undefined> {
    try {
      const chosen = await this.#openBoth(host, port, PORT_TRIES);
      this.bound.push({ host, port: chosen });
      return chosen;
    } catch (error) {
      const missing = error instanceof BindError && ["no-such-family", "no-such-address"].includes(error.reason);
      if (!(optional && missing)) throw error;
      this.#parts.log.info(`not listening on ${formatSocketAddress({ host, port })}: this host has no such address`);
      return undefined;
    }
  }

  /** The kernel's choice of a port for UDP may be held for TCP; then it is asked for another. Leaves nothing open if it fails. */
  async #openBoth(host: string, port: number, triesLeft: number): Promise<number> {
    const udp = await this.#openTransport(this.#udp, host, port, this.#parts.engine.answersFromAskedAddress);
    try {
      const tcp = await this.#openTransport(this.#tcp, host, udp.port, true);
      this.#open.push(udp, tcp);
      for (const [{ name }, bound] of [
        [this.#udp, udp],
        [this.#tcp, tcp],
      ] as const) {
        if (this.#parts.shares && !(bound instanceof AddressFollower))
          this.shared.push({ transport: name, host, port: bound.port });
      }
      return udp.port;
    } catch (error) {
      udp.close();
      const held = error instanceof BindError && error.reason === "in-use";
      if (port !== 0 || !held || triesLeft === 0) throw error;
      return this.#openBoth(host, port, triesLeft - 1);
    }
  }

  /** `asOne`: whether a wildcard socket does what separate ones would; if not, or if it is held, they are used. */
  async #openTransport(transport: Transport, host: string, port: number, asOne: boolean): Promise<Bound> {
    const isWildcard = (WILDCARDS as readonly string[]).includes(host);
    const sharing = this.#parts.shares ? "first" : undefined;
    if (!isWildcard) return transport.open({ host, port }, sharing);
    // Where no address is known, not even loopback's, answers that may leave from another one are better than none.
    if (asOne || this.#parts.runtime.localAddresses().length === 0) {
      try {
        return await transport.open({ host, port }, sharing);
      } catch (error) {
        // UDP shares with a stub on one address by itself; if it says in use, the port is another forwarder's.
        if (!(error instanceof BindError) || error.reason !== "in-use" || transport.name === "UDP") throw error;
      }
    }
    const follower = await AddressFollower.start(transport, host, port, this.#parts, this.#onFault);
    if (asOne) {
      // Said only now: where no address is free either, the port is another program's, and the error says that.
      this.#parts.log.info(
        `${formatSocketAddress({ host, port })}, ${transport.name}: listening on each address by itself, as they come and go, ` +
          "since another program has one of them",
      );
    }
    return follower;
  }
}

/** Sockets on each local address of one family, opened and closed as the host's addresses change. */
class AddressFollower implements Bound {
  readonly #transport: Transport;
  readonly #isIpv6: boolean;
  readonly #parts: ListenParts;
  readonly #sockets = new Map<string, Bound>();
  readonly #held = new Set<string>();
  readonly #onFault: OnFault;
  /** 0 until the kernel chose one for the first address: the others get the same. */
  #port: number;
  #closed = false;
  #cancel = (): void => {};

  private constructor(transport: Transport, wildcard: string, port: number, parts: ListenParts, onFault: OnFault) {
    this.#transport = transport;
    this.#isIpv6 = wildcard === "::";
    this.#port = port;
    this.#parts = parts;
    this.#onFault = onFault;
  }

  get port(): number {
    return this.#port;
  }

  /** Rejects with BindError if not one of the addresses could be bound. */
  static async start(
    transport: Transport,
    wildcard: string,
    port: number,
    parts: ListenParts,
    onFault: OnFault,
  ): Promise<AddressFollower> {
    const follower = new AddressFollower(transport, wildcard, port, parts, onFault);
    const failure = await follower.#follow().catch((error) => {
      follower.close();
      throw error;
    });
    if (follower.#sockets.size === 0) {
      throw (
        failure ?? new BindError("no-such-family", `this host has no ${follower.#isIpv6 ? "IPv6" : "IPv4"} address`)
      );
    }
    follower.#schedule();
    return follower;
  }

  close(): void {
    this.#closed = true;
    this.#cancel();
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#cancel = this.#parts.clock.after(this.#parts.followMs, () => {
      void this.#follow()
        .catch(this.#onFault)
        .then(() => this.#schedule());
    });
  }

  /** Opens what is new, closes what is gone. Returns the last failure; it has been logged once for its address. */
  async #follow(): Promise<BindError | undefined> {
    const wanted = this.#parts.runtime.localAddresses().filter(({ family }) => (family === 6) === this.#isIpv6);
    const hosts = new Set(wanted.map(hostOf));
    for (const [host, socket] of this.#sockets) {
      if (hosts.has(host)) continue;
      socket.close();
      this.#sockets.delete(host);
    }
    for (const host of this.#held) if (!hosts.has(host)) this.#held.delete(host);
    let failure: BindError | undefined;
    for (const host of hosts) {
      if (this.#sockets.has(host)) continue;
      failure = (await this.#tryOpen(host)) ?? failure;
    }
    return failure;
  }

  async #tryOpen(host: string): Promise<BindError | undefined> {
    try {
      const socket = await this.#transport.open({ host, port: this.#port }, undefined);
      if (this.#closed) socket.close();
      else this.#sockets.set(host, socket);
      this.#port = socket.port;
      if (this.#held.delete(host))
        this.#parts.log.info(
          `now listening on ${formatSocketAddress({ host, port: this.#port })}, ${this.#transport.name}`,
        );
      return undefined;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      if (error.reason === "not-permitted") return error;
      if (!this.#held.has(host)) {
        this.#held.add(host);
        const why = error.reason === "in-use" ? "another program holds it" : error.why;
        this.#parts.log.info(
          `skipping ${formatSocketAddress({ host, port: this.#port })}, ${this.#transport.name}: ${why}`,
        );
      }
      return error;
    }
  }
}

function hostOf({ host, interfaceName }: LocalAddress): string {
  return /^fe[89ab]/i.test(host) && !host.includes("%") ? `${host}%${interfaceName}` : host;
}
