/** Rows in which the host does not do its part. */

import { allAnswered } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import type { Scenario } from "./scenario.ts";

export function logUnread({ rate, warmMs, faultMs }: Pace): Scenario {
  return {
    row: "34",
    title: `log pipe full and unread at ${warmMs / 1000} s, then SIGKILL one of 2 upstreams`,
    criterion: "0 SERVFAIL, 0 lost",
    peers: true,
    upstreams: [{}, {}],
    logIsUnread: true,
    load: [{ fromMs: 0, toMs: warmMs + faultMs, rate }],
    events: [
      {
        atMs: warmMs,
        async does({ rig, resolver }) {
          resolver.fillLog();
          await rig.upstreams[0]!.remember();
          rig.upstreams[0]!.signal("SIGKILL");
        },
      },
    ],
    judge: allAnswered,
  };
}
