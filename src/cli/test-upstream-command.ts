/** Where `fdns test-upstream` (test-upstream.ts) meets the command line. */

import { writeOut } from "../runtime/process.ts";
import type { Command } from "./command.ts";
import { openProcessLog } from "./process-log.ts";
import { testUpstream, testUpstreamOptions } from "./test-upstream.ts";

export const testUpstreamCommand: Command = {
  options: testUpstreamOptions,
  examples: [
    {
      line: "fdns test-upstream --ca-out ca.pem",
      meaning: "a good one on 127.0.0.1:8853; trust it with --ca-file ca.pem",
    },
    { line: "fdns test-upstream --certificate expired", meaning: "one that must be refused" },
    { line: "fdns test-upstream --zone zone.txt", meaning: "answer from a zone file" },
  ],
  async run(args) {
    const { log, flush } = openProcessLog({ logFormat: "auto", logLevel: "info" });
    try {
      return await testUpstream(args, { print: (line) => writeOut(`${line}\n`), log });
    } finally {
      await flush();
    }
  },
};
