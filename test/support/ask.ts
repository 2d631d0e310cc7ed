/** A stub for the tests: octets out, octets back, over UDP and TCP, with nothing between the test and the wire. */

import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { decode, encode, RECURSION_DESIRED } from "@leichtgewicht/dns-packet";

export interface Question {
  readonly name: string;
  readonly type?: string;
  readonly klass?: string;
  readonly id?: number;
  /** Header flags in place of RD. */
  readonly flags?: number;
  /** An OPT with this size; undefined: none. */
  readonly udpPayloadSize?: number;
  readonly dnssecOk?: boolean;
}

/** A query of one question. */
export function query(question: Question): Uint8Array {
  const { name, type = "A", klass = "IN", id = 0x1234, flags = RECURSION_DESIRED, udpPayloadSize, dnssecOk } = question;
  return encode({
    type: "query",
    id,
    flags,
    questions: [{ name, type: type as "A", class: klass as "IN" }],
    additionals:
      udpPayloadSize === undefined
        ? []
        : [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: dnssecOk ? 0x8000 : 0,
              flag_do: dnssecOk ?? false,
              options: [],
            } as never,
          ],
  });
}

const GIVE_UP_MS = 6000;

/**
 * Sends one datagram and resolves to the first that comes back. Rejects after `giveUpMs`, six seconds if not said,
 * and if the answer is from another address than was asked.
 */
export function askUdp(
  port: number,
  octets: Uint8Array,
  host = "127.0.0.1",
  giveUpMs = GIVE_UP_MS,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
    const settle = (how: () => void) => {
      clearTimeout(giveUp);
      socket.close();
      how();
    };
    const giveUp = setTimeout(() => settle(() => reject(new Error(`no answer from ${host}:${port}`))), giveUpMs);
    socket.on("error", (error) => settle(() => reject(error)));
    socket.on("message", (answer, { address }) =>
      settle(() =>
        withoutScope(address) === withoutScope(host)
          ? resolve(answer)
          : reject(new Error(`asked ${host}, answered from ${address}`)),
      ),
    );
    socket.send(octets, port, host, () => {});
  });
}

/** "fe80::1%eth0" as "fe80::1": runtimes differ in whether they name the scope of a sender. */
function withoutScope(host: string): string {
  return host.replace(/%.*$/, "");
}

/** Each message behind its length. */
export function framed(...messages: Uint8Array[]): Uint8Array {
  return Buffer.concat(messages.flatMap((one) => [Uint8Array.of(one.length >> 8, one.length & 0xff), one]));
}

/**
 * Sends the messages on one connection, as one write, and resolves to as many answers, in the order they came.
 * `halfClose`: says at once that no more will come. Rejects if the connection ends before, or after `giveUpMs`, six
 * seconds if not said.
 */
export function askTcp(
  port: number,
  messages: readonly Uint8Array[],
  options: { host?: string; halfClose?: boolean; giveUpMs?: number } = {},
): Promise<Uint8Array[]> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: options.host ?? "127.0.0.1", allowHalfOpen: true });
    let held = Buffer.alloc(0);
    const answers: Uint8Array[] = [];
    const settle = (how: () => void) => {
      clearTimeout(giveUp);
      socket.destroy();
      how();
    };
    const ended = () => settle(() => reject(new Error(`the connection ended after ${answers.length} answers`)));
    const giveUp = setTimeout(
      () => settle(() => reject(new Error(`${answers.length} of ${messages.length} answers came`))),
      options.giveUpMs ?? GIVE_UP_MS,
    );
    socket.on("data", (chunk: Uint8Array) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const length = held.readUInt16BE(0);
        answers.push(held.subarray(2, 2 + length));
        held = held.subarray(2 + length);
      }
      if (answers.length === messages.length) settle(() => resolve(answers));
    });
    socket.on("end", ended);
    socket.on("error", (error) => settle(() => reject(error)));
    const octets = framed(...messages);
    if (options.halfClose) socket.end(octets);
    else socket.write(octets);
  });
}

export function rcodeOf(octets: Uint8Array): number {
  return octets[3]! & 0x0f;
}

/** The codes of the Extended DNS Errors in a message's OPT (RFC 8914). */
export function extendedErrors(octets: Uint8Array): number[] {
  const opt = decode(octets).additionals?.find(({ type }) => type === "OPT") as
    | { options: { code: number; data?: Uint8Array }[] }
    | undefined;
  return (opt?.options ?? [])
    .filter(({ code }) => code === 15)
    .map(({ data }) => ((data?.[0] ?? 0) << 8) | (data?.[1] ?? 0));
}
