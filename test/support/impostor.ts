/** A server that shows a certificate whose private key it does not have: what a pin must not be enough for. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { linesOf } from "./lines.ts";
import { projectRoot } from "./sources.ts";
import { bareEnvironment } from "./toolchain.ts";

export interface Impostor {
  /** As --upstream takes it. */
  readonly address: string;
  /** The throw-away CA of the certificate it shows. */
  readonly caFile: string;
  /** The key of that certificate. */
  readonly spkiPin: string;
  /** Ends it. Resolves to how many handshakes ended well and how many not, and the octets it was sent inside TLS. */
  stop(): Promise<{ handshakes: number; refused: number; octets: number }>;
}

export async function startImpostor(folder: string): Promise<Impostor> {
  const authority = await makeAuthority("good", ["dot.test", "127.0.0.1"], Date.now);
  const { chainPem, spkiPin } = await authority.issue();
  const caFile = join(folder, "impostor-ca.pem");
  writeFileSync(caFile, authority.caPem);
  const child = Bun.spawn(["node", `${projectRoot}test/support/impostor-program.mjs`, chainPem], {
    env: bareEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  const port = (await lines.next()).value;
  return {
    address: `127.0.0.1:${port}#dot.test`,
    caFile,
    spkiPin,
    async stop() {
      child.kill("SIGTERM");
      const last = (await lines.next()).value;
      await child.exited;
      return JSON.parse(last ?? "{}");
    },
  };
}
