/**
 * The upstream all servers ask, a program in C (upstream.c): 0.5 µs of CPU an answer where `fdns test-upstream` takes
 * 2.9 and unbound, answering every name from local data, 12. It must not be the limit, as it often shares the core of the load.
 */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority } from "../../src/testupstream/certificates.ts";
import { linesOf } from "../support/lines.ts";
import { spawnTied } from "../support/tied-children.ts";

export const UPSTREAM_NAME = "dot.test";

export interface UpstreamCounters {
  readonly connections: number;
  readonly handshakes: number;
  readonly resumed: number;
  readonly queries: number;
}

export interface BenchUpstream {
  readonly port: number;
  /** Whom to trust. */
  readonly caFile: string;
  counters(): Promise<UpstreamCounters>;
  stop(): Promise<void>;
}

export async function startUpstream(program: string, folder: string, core: number): Promise<BenchUpstream> {
  const authority = await makeAuthority("good", [UPSTREAM_NAME, "127.0.0.1"], () => Date.now());
  const { chainPem, keyPem } = await authority.issue();
  const [caFile, chainFile, keyFile] = ["ca.pem", "chain.pem", "key.pem"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  writeFileSync(caFile, authority.caPem);
  writeFileSync(chainFile, chainPem);
  writeFileSync(keyFile, keyPem, { mode: 0o600 });
  const child = spawnTied(["taskset", "-c", `${core}`, program, chainFile, keyFile], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const lines = linesOf(child.stdout);
  const next = async () => {
    const line = (await lines.next()).value;
    if (line === undefined) throw new Error(`the bench's upstream ended with ${await child.exited}`);
    return JSON.parse(line);
  };
  const { port } = await next();
  return {
    port,
    caFile,
    counters() {
      child.stdin.write("counters\n");
      child.stdin.flush();
      return next();
    },
    async stop() {
      child.stdin.end();
      await child.exited;
    },
  };
}
