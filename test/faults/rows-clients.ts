/** Rows in which clients ask for more than their part. */

import { fileURLToPath } from "node:url";
import { outputOf } from "../support/tied-children.ts";
import { bun } from "../support/toolchain.ts";
import { allAnswered, asBefore } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import { RESOLVER_PORT } from "./resolvers.ts";
import type { Scenario } from "./scenario.ts";

const MIB = 1024 * 1024;
const CONNECTIONS = 4;
const QUERIES = 18_000;
const GROWTH_MIB = 32;

export function neverReads({ rate, warmMs, faultMs, jitterMs }: Pace): Scenario {
  const program = fileURLToPath(new URL("greedy-client.ts", import.meta.url));
  return {
    row: "33",
    title: `one client asks ${QUERIES} times for an answer of 62 KB on each of ${CONNECTIONS} TCP connections, and never reads, for ${faultMs / 1000} s`,
    criterion: `all others as before: 0 SERVFAIL, 0 lost, p99; memory grows by < ${GROWTH_MIB} MiB`,
    peers: true,
    upstreams: [{}],
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: [
      {
        atMs: warmMs,
        does: ({ rig }) =>
          outputOf([...rig.near.within, bun, program, ...[RESOLVER_PORT, CONNECTIONS, QUERIES, faultMs].map(String)]),
      },
    ],
    judge: (outcome) => {
      const before = outcome.residentOctets.filter(({ atMs }) => atMs < warmMs).map(({ octets }) => octets);
      const most = Math.max(...outcome.residentOctets.map(({ octets }) => octets));
      const grownMib = (most - Math.max(...before)) / MIB;
      return [
        ...allAnswered(outcome),
        ...asBefore(outcome, jitterMs, { toMs: warmMs }, { fromMs: warmMs }),
        ...(grownMib < GROWTH_MIB ? [] : [`memory grew by ${grownMib.toFixed(0)} MiB`]),
        ...(outcome.stillAlive ? [] : ["it ended"]),
      ];
    },
  };
}
