/** HTTP as raw octets, as no well-behaved client would send them. */

import { connect } from "node:net";

export interface HttpReply {
  /** 0 if the connection ended without an answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** Octets that were taken from us before the connection ended. */
  readonly sentOctets: number;
  readonly tookMs: number;
}

/**
 * Connects to a port of 127.0.0.1, sends the text, then `more` until so many octets are sent, and resolves when the
 * connection ends; it rejects after ten seconds.
 */
export function sendHttp(port: number, first: string, more = "", moreOctets = 0): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const beganMs = performance.now();
    let [received, sentOctets] = ["", 0];
    const socket = connect(port, "127.0.0.1", () => {
      socket.write(first);
      send();
    });
    const send = () => {
      while (sentOctets < moreOctets && !socket.destroyed) {
        sentOctets += more.length;
        if (!socket.write(more)) {
          socket.once("drain", send);
          return;
        }
      }
    };
    const giveUp = setTimeout(() => {
      reject(new Error(`still open after ten seconds, with "${received}"`));
      socket.destroy();
    }, 10_000);
    socket.setEncoding("utf8");
    socket.on("data", (text: string) => {
      received += text;
    });
    socket.on("error", () => {}); // close follows
    socket.on("close", () => {
      clearTimeout(giveUp);
      const end = received.indexOf("\r\n\r\n");
      const head = (end < 0 ? received : received.slice(0, end)).toLowerCase();
      const body = end < 0 ? "" : received.slice(end + 4);
      const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(received)?.[1] ?? 0);
      resolve({ status, head, body, sentOctets, tookMs: performance.now() - beganMs });
    });
  });
}
