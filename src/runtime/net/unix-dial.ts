/** Connecting to a Unix socket. */

import * as net from "node:net";
import type { ByteStream, StreamHandler } from "../runtime.ts";
import { NodeStream } from "./streams.ts";

/** Octets written before it is connected wait; if it cannot be, the handler's onClose gets the host's Error with its code. */
export function dialUnix(path: string, handler: StreamHandler): ByteStream {
  const stream = new NodeStream(net.connect(path));
  stream.handle(handler);
  return stream;
}
