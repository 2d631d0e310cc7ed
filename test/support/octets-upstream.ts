/** A DNS over TLS server in the test's own process that answers with whatever octets the test says. */

import { writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createServer } from "node:tls";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { frames } from "./fake-messages.ts";

export interface OctetsUpstream {
  /** As --upstream takes it. */
  readonly address: string;
  readonly caPem: string;
  /** Queries it got. */
  readonly queries: readonly Uint8Array[];
  stop(): Promise<void>;
}

/** `answer` makes the response to a query, from its header on. */
export async function startOctetsUpstream(answer: (query: Uint8Array) => Uint8Array): Promise<OctetsUpstream> {
  const authority = await makeAuthority("good", ["dot.test", "127.0.0.1"], Date.now);
  const { chainPem, keyPem } = await authority.issue();
  const queries: Uint8Array[] = [];
  const server = createServer({ cert: chainPem, key: keyPem, ALPNProtocols: ["dot"] }, (socket) => {
    let held = Buffer.alloc(0);
    socket.on("error", () => {});
    socket.on("data", (octets) => {
      held = Buffer.concat([held, octets]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const query = Uint8Array.from(held.subarray(2, 2 + held.readUInt16BE(0)));
        held = held.subarray(2 + query.length);
        queries.push(query);
        socket.write(frames(answer(query)));
      }
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}#dot.test`,
    caPem: authority.caPem,
    queries,
    stop: () => new Promise((closed) => server.close(() => closed())),
  };
}

/** Writes the CAs of these upstreams into the folder; returns the file's name, as --ca-file takes it. */
export function writeRoots(folder: string, upstreams: readonly OctetsUpstream[]): string {
  const path = join(folder, "roots.pem");
  writeFileSync(path, upstreams.map(({ caPem }) => caPem).join("\n"));
  return path;
}
