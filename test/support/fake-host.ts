/** A host whose addresses, and whose held ports, are the test's to choose. */

import {
  BindError,
  type BindFailure,
  type LocalAddress,
  type SocketAddress,
  type TcpListener,
  type TcpListenOptions,
  type UdpCounters,
  type UdpEngine,
  type UdpOpenOptions,
  type UdpSocket,
} from "../../src/runtime/runtime.ts";

export class FakeHost {
  addresses: LocalAddress[] = [];
  /** What is open: "UDP 127.0.0.1:53". */
  readonly open = new Set<string>();
  /** What cannot be had: "TCP 0.0.0.0:53", or "TCP 0.0.0.0" for any port. */
  readonly refused = new Map<string, BindFailure | Error>();
  readonly udpOptions: UdpOpenOptions[] = [];
  readonly tcpOptions: TcpListenOptions[] = [];
  /** Of each UDP socket in the order they were opened. */
  readonly udpCounters: UdpCounters[] = [];
  #nextPort = 50_001;

  localAddresses = (): LocalAddress[] => this.addresses;

  engine(answersFromAskedAddress = true): UdpEngine {
    return {
      name: answersFromAskedAddress ? "batched" : "portable",
      shares: true,
      answersFromAskedAddress,
      open: async (options): Promise<UdpSocket> => {
        this.udpOptions.push(options);
        const { address, close } = this.#bind("UDP", options.address);
        const counters = options.counters ?? { received: 0, sent: 0, oversize: 0, sendFailures: 0 };
        this.udpCounters.push(counters);
        const room = new Uint8Array(0);
        return {
          engine: "batched",
          address,
          receiveBufferOctets: 4096,
          room,
          reserve: () => 0,
          commit() {},
          close,
          counters,
        };
      },
    };
  }

  listenTcp = async (options: TcpListenOptions): Promise<TcpListener> => {
    this.tcpOptions.push(options);
    return this.#bind("TCP", options.address);
  };

  add(...hosts: string[]): void {
    for (const host of hosts) {
      this.addresses.push({ host, family: host.includes(":") ? 6 : 4, scopeId: 0, interfaceName: "eth0" });
    }
  }

  remove(host: string): void {
    this.addresses = this.addresses.filter((one) => one.host !== host);
  }

  #bind(transport: string, { host, port }: SocketAddress): TcpListener {
    const chosen = port === 0 ? this.#nextPort++ : port;
    const key = `${transport} ${host}:${chosen}`;
    const why = this.refused.get(key) ?? this.refused.get(`${transport} ${host}`);
    if (why instanceof Error) throw why;
    if (why !== undefined) throw new BindError(why, `${key}: ${why}`);
    if (this.open.has(key)) throw new BindError("in-use", `${key}: in use`);
    this.open.add(key);
    return { address: { host, port: chosen }, close: () => void this.open.delete(key) };
  }
}
