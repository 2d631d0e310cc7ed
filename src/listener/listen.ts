/**
 * From the addresses the operator gave to bound sockets, UDP and TCP on each. A wildcard is one socket where that
 * can be, else one for each local address of the host, followed as they come and go.
 */

import type { Log } from "../observe/log.ts";
import {
  BindError,
  type Clock,
  type LocalAddress,
  type Runtime,
  type SocketAddress,
  type UdpEngine,
} from "../runtime/runtime.ts";
import type { QueryHandler } from "./query-handler.ts";
import type { TcpClients } from "./tcp-listener.ts";
import { UdpListener } from "./udp-listener.ts";

/** One address to listen on (config/config.ts, ListenAddress). */
export interface ListenOn {
  readonly host: string;
  readonly port: number;
  readonly optional: boolean;
}

export interface ListenParts {
  readonly runtime: Pick<Runtime, "listenTcp" | "localAddresses">;
  readonly clock: Clock;
  readonly log: Log;
  readonly engine: UdpEngine;
  readonly maxUdpOctets: number;
  /** How often the host's addresses are read where sockets follow them. */
  readonly followMs: number;
  readonly onQuery: QueryHandler;
  readonly clients: TcpClients;
}

interface Closable {
  close(): void;
}

/** A transport that can be bound to one address. */
interface Transport {
  readonly name: "UDP" | "TCP";
  open(address: SocketAddress): Promise<Closable>;
}

export interface BoundAddress {
  readonly host: string;
  readonly port: number;
}

const WILDCARDS = ["0.0.0.0", "::"] as const;

export class Listeners {
  readonly #parts: ListenParts;
  readonly #open: Closable[] = [];
  readonly #udp: Transport;
  readonly #tcp: Transport;
  /** What was bound, for the start-up line. */
  readonly bound: BoundAddress[] = [];
  receiveBufferOctets = 0;

  constructor(parts: ListenParts) {
    this.#parts = parts;
    const faults = new Set<string>();
    const onFault = (fault: Error): void => {
      if (faults.has(fault.message)) return;
      faults.add(fault.message);
      parts.log.warn(`listening goes on after a fault: ${fault.message}`);
    };
    this.#udp = {
      name: "UDP",
      open: async (address) => {
        const listener = await UdpListener.open(parts.engine, address, parts.maxUdpOctets, parts.onQuery, onFault);
        this.receiveBufferOctets = listener.socket.receiveBufferOctets;
        this.#lastPort = listener.socket.address.port;
        return listener;
      },
    };
    this.#tcp = {
      name: "TCP",
      open: (address) => parts.runtime.listenTcp({ address, onConnection: parts.clients.accept, onFault }),
    };
  }

  #lastPort = 0;

  /** Binds every address, or closes what it bound and rejects with the reason. */
  async open(addresses: readonly ListenOn[]): Promise<void> {
    try {
      for (const address of addresses) await this.#openAddress(address);
      if (this.bound.length === 0)
        throw new Error("no address to listen on: this host has none of the families asked for");
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const one of this.#open.splice(0)) one.close();
  }

  async #openAddress({ host, port, optional }: ListenOn): Promise<void> {
    if (host !== "*") {
      await this.#openFamily(host, port, optional);
      return;
    }
    let chosen = port;
    for (const wildcard of WILDCARDS) {
      await this.#openFamily(wildcard, chosen, true);
      chosen = this.bound.at(-1)?.port ?? port;
    }
  }

  /** UDP and TCP on one host, on the same port, also when the kernel chooses it. */
  async #openFamily(host: string, port: number, optional: boolean): Promise<void> {
    try {
      const udp = await this.#openTransport(this.#udp, host, port, this.#parts.engine.answersFromAskedAddress);
      const chosen = port === 0 ? this.#lastPort : port;
      this.#open.push(udp);
      this.#open.push(await this.#openTransport(this.#tcp, host, chosen, true));
      this.bound.push({ host, port: chosen });
    } catch (error) {
      const missing = error instanceof BindError && ["no-such-family", "no-such-address"].includes(error.reason);
      if (!(optional && missing)) throw error;
      this.#parts.log.info(`not listening on ${describe({ host, port })}: this host has no such address`);
    }
  }

  /** `asOne`: whether a wildcard socket does what separate ones would; if not, or if it is held, they are used. */
  async #openTransport(transport: Transport, host: string, port: number, asOne: boolean): Promise<Closable> {
    const isWildcard = (WILDCARDS as readonly string[]).includes(host);
    if (!isWildcard) return transport.open({ host, port });
    if (asOne) {
      try {
        return await transport.open({ host, port });
      } catch (error) {
        // UDP shares with a stub on one address by itself; if it says in use, the port is another forwarder's.
        if (!(error instanceof BindError) || error.reason !== "in-use" || transport.name === "UDP") throw error;
      }
    }
    return AddressFollower.start(transport, host, port, this.#parts);
  }
}

/** Sockets on each local address of one family, opened and closed as the host's addresses change. */
class AddressFollower implements Closable {
  readonly #transport: Transport;
  readonly #isIpv6: boolean;
  readonly #parts: ListenParts;
  readonly #sockets = new Map<string, Closable>();
  readonly #held = new Set<string>();
  #port: number;
  #closed = false;
  #cancel = (): void => {};

  private constructor(transport: Transport, wildcard: string, port: number, parts: ListenParts) {
    this.#transport = transport;
    this.#isIpv6 = wildcard === "::";
    this.#port = port;
    this.#parts = parts;
  }

  /** Rejects with BindError if not one of the addresses could be bound. */
  static async start(
    transport: Transport,
    wildcard: string,
    port: number,
    parts: ListenParts,
  ): Promise<AddressFollower> {
    const follower = new AddressFollower(transport, wildcard, port, parts);
    const failure = await follower.#follow();
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
      void this.#follow().then(() => this.#schedule());
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
      const socket = await this.#transport.open({ host, port: this.#port });
      if (this.#closed) socket.close();
      else this.#sockets.set(host, socket);
      if (this.#held.delete(host))
        this.#parts.log.info(`now listening on ${describe({ host, port: this.#port })}, ${this.#transport.name}`);
      return undefined;
    } catch (error) {
      if (!(error instanceof BindError)) throw error;
      if (error.reason === "not-permitted") return error;
      if (!this.#held.has(host)) {
        this.#held.add(host);
        const why = error.reason === "in-use" ? "another program holds it" : error.message;
        this.#parts.log.info(`skipping ${describe({ host, port: this.#port })}, ${this.#transport.name}: ${why}`);
      }
      return error;
    }
  }
}

function hostOf({ host, interfaceName }: LocalAddress): string {
  return /^fe[89ab]/i.test(host) && !host.includes("%") ? `${host}%${interfaceName}` : host;
}

/** "192.0.2.1:53", "[::1]:53". */
export function describe({ host, port }: BoundAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
