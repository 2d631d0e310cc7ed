/** Asking a listener that is about to open its port, over UDP on 127.0.0.1. */

import { createSocket } from "node:dgram";

/** A query of class IN and type A for an ASCII name without escapes; ID 0x1234, RD set, no OPT. */
export function addressQuery(name: string): Uint8Array {
  const labels = name.split(".").map((label) => [label.length, ...Buffer.from(label, "ascii")]);
  return Uint8Array.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels.flat(), 0, 0, 1, 0, 1]);
}

/** `version.bind. CH TXT`, which fdns refuses without asking anyone. */
export const chaosQuery: Uint8Array = Buffer.from(
  "1234010000010000000000000776657273696f6e0462696e640000100003",
  "hex",
);

export function rcodeOf(response: Uint8Array): number {
  return (response[3] as number) & 0x0f;
}

/** A UDP port that was free a moment ago. */
export function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4");
  return new Promise((resolve) =>
    socket.bind(0, "127.0.0.1", () => {
      const { port } = socket.address();
      socket.close(() => resolve(port));
    }),
  );
}

/**
 * Sends the query at once and then every `everyMs` until a response comes, since nobody tells when the port opens.
 * Rejects after `giveUpMs`.
 */
export function firstAnswer(port: number, query: Uint8Array, everyMs: number, giveUpMs: number): Promise<Uint8Array> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    // An unreachable port is reported to the callback or as an event; both mean: not yet.
    const send = () => socket.send(query, port, "127.0.0.1", () => {});
    const again = setInterval(send, everyMs);
    const giveUp = setTimeout(() => settle(() => reject(new Error(`no answer within ${giveUpMs} ms`))), giveUpMs);
    const settle = (how: () => void) => {
      clearInterval(again);
      clearTimeout(giveUp);
      socket.close();
      how();
    };
    socket.on("error", () => {});
    socket.on("message", (response) => settle(() => resolve(response)));
    send();
  });
}
