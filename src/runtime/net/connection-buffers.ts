/**
 * What the kernel holds of an accepted connection, either way. By itself it grows both buffers to megabytes for whoever
 * sends much and reads nothing (tcp(7), tcp_rmem and tcp_wmem). Bun reads up to 512 KiB of that at once, which fdns has to
 * hold while the client takes no responses; and what waits to be sent counts as memory of a container, too.
 */

import type { Server } from "node:net";
import * as c from "../libc.ts";

/** Some 200 queries. The kernel doubles it for its own needs, and one read gives up to twice as much. */
const RECEIVE_BUFFER_OCTETS = 16_384;
/** Doubled by the kernel: two of the largest responses on their way, a megabyte a second at 100 ms. */
const SEND_BUFFER_OCTETS = 65_536;

/** Connections inherit them when they are accepted. Deno shows no descriptor, and reads 64 KiB at once. */
export async function boundConnectionBuffers(server: Server): Promise<void> {
  const { _handle } = server as { _handle?: { fd?: number } };
  const libc = await c.loadLibc().catch(() => undefined);
  const descriptor = _handle?.fd;
  if (libc === undefined || descriptor === undefined) return;
  libc.setsockopt(descriptor, c.SOL_SOCKET, c.SO_RCVBUF, c.intOctets(RECEIVE_BUFFER_OCTETS), 4);
  libc.setsockopt(descriptor, c.SOL_SOCKET, c.SO_SNDBUF, c.intOctets(SEND_BUFFER_OCTETS), 4);
}
