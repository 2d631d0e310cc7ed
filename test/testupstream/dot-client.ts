/** A small DoT client for the tests of the scripted upstream: it says what it saw and corrects nothing. */

import { connect, type TLSSocket } from "node:tls";
import { nameFromText } from "../../src/testupstream/dns/names.ts";

export interface DotAnswer {
  /** The whole message. */
  readonly message: Uint8Array;
  readonly id: number;
  readonly flags: number;
  readonly rcode: number;
  /** QNAME and QTYPE and QCLASS as octets in hexadecimal. */
  readonly question: string;
  readonly counts: readonly number[];
}

export interface DotClientOptions {
  readonly port: number;
  readonly caPem: string;
  readonly servername?: string;
  readonly alpn?: readonly string[];
  readonly session?: Buffer | undefined;
}

export function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}

/** A query message: RD, and an OPT with these options unless told otherwise. */
export function queryMessage(
  id: number,
  name: string | Uint8Array,
  type = 1,
  { edns = true, dnssecOk = false, options = [] as number[], flags = 0x0100 } = {},
): Uint8Array {
  const qname = typeof name === "string" ? nameFromText(name, Uint8Array.of(0)) : name;
  const header = [id >> 8, id & 255, flags >> 8, flags & 255, 0, 1, 0, 0, 0, 0, 0, edns ? 1 : 0];
  const question = [...qname, type >> 8, type & 255, 0, 1];
  const opt = [0, 0, 41, 4, 208, 0, 0, dnssecOk ? 0x80 : 0, 0, options.length >> 8, options.length & 255, ...options];
  return Uint8Array.from([...header, ...question, ...(edns ? opt : [])]);
}

export function framed(message: Uint8Array): Uint8Array {
  return Uint8Array.of(message.length >> 8, message.length & 255, ...message);
}

function answerOf(message: Uint8Array): DotAnswer {
  const u16 = (at: number) => ((message[at] ?? 0) << 8) | (message[at + 1] ?? 0);
  let end = 12;
  while (message[end]) end += message[end]! + 1;
  return {
    message,
    id: u16(0),
    flags: u16(2),
    rcode: u16(2) & 15,
    question: hex(message.subarray(12, end + 5)),
    counts: [4, 6, 8, 10].map(u16),
  };
}

export class DotClient {
  readonly socket: TLSSocket;
  /** Sizes of the chunks as they arrived. */
  readonly chunks: number[] = [];
  session: Buffer | undefined;
  /** The code of the error, once there was one. */
  errorCode: string | undefined;
  closed = false;
  #received = Buffer.alloc(0);
  #wake: () => void = () => {};

  constructor({ port, caPem, servername = "dot.test", alpn = ["dot"], session }: DotClientOptions) {
    this.socket = connect({
      host: "127.0.0.1",
      port,
      servername,
      ca: caPem,
      ALPNProtocols: [...alpn],
      ...(session ? { session } : {}),
    });
    this.socket.on("session", (ticket) => {
      this.session = ticket;
      this.#wake();
    });
    this.socket.on("data", (octets) => {
      this.chunks.push(octets.length);
      this.#received = Buffer.concat([this.#received, octets]);
      this.#wake();
    });
    this.socket.on("error", (error: NodeJS.ErrnoException) => {
      this.errorCode ??= error.code ?? error.message;
    });
    this.socket.on("close", () => {
      this.closed = true;
      this.#wake();
    });
    this.socket.on("secureConnect", () => this.#wake());
  }

  /** Resolves when the condition holds or the connection is gone. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition() && !this.closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async secure(): Promise<this> {
    await this.until(() => this.socket.authorized);
    return this;
  }

  send(...messages: Uint8Array[]): void {
    this.socket.write(Buffer.concat(messages.map(framed)));
  }

  /** The next message, undefined when the connection ended before it was whole. */
  async next(): Promise<DotAnswer | undefined> {
    const whole = () => this.#received.length >= 2 && this.#received.length >= 2 + this.#received.readUInt16BE(0);
    await this.until(whole);
    if (!whole()) return undefined;
    const end = 2 + this.#received.readUInt16BE(0);
    const message = Uint8Array.from(this.#received.subarray(2, end));
    this.#received = this.#received.subarray(end);
    return answerOf(message);
  }

  async ask(name: string | Uint8Array, type = 1, options = {}): Promise<DotAnswer> {
    this.send(queryMessage(0x1234, name, type, options));
    const answer = await this.next();
    if (!answer) throw new Error("the connection ended without an answer");
    return answer;
  }

  /** Octets that arrived and are no whole message. */
  get left(): number {
    return this.#received.length;
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.until(() => false);
  }
}
