/** Rows in which one name, or the way a message is cut, must cost the others nothing. */

import { allAnswered, noneSilent } from "./criteria.ts";
import type { Pace } from "./pace.ts";
import type { Scenario } from "./scenario.ts";

const seconds = (ms: number) => `${ms / 1000} s`;

/** The answers of the others take long enough for many to be in flight each time; each such name is new. */
export function oneNameResets({ faultMs }: Pace): Scenario {
  const poison = "reset.example.net";
  return {
    row: "35",
    title: `30 names a second for which the only upstream resets the connection at once, among 270 others, for ${seconds(faultMs)}`,
    criterion: "of the others 0 SERVFAIL, 0 lost; those names 0 lost; <= 10 handshakes for each of those names",
    peers: true,
    upstreams: [{ behaviour: { delay: 100, rules: [{ qname: poison, delay: 0, fault: "rst" }] } }],
    load: [
      { fromMs: 0, toMs: faultMs, rate: 270 },
      { fromMs: 0, toMs: faultMs, rate: 30, under: poison },
    ],
    counted: { segments: [0] },
    judge: (outcome) => {
      const handshakes = outcome.counters.reduce((sum, one) => sum + one.connections, 0);
      const most = 10 * 30 * (faultMs / 1000);
      return [
        ...allAnswered(outcome, { segments: [0] }),
        ...noneSilent(outcome, { segments: [1] }),
        ...(handshakes <= most ? [] : [`${handshakes} connections, more than ${most}`]),
      ];
    },
  };
}

export function lengthAhead({ faultMs }: Pace): Scenario {
  return {
    row: "36",
    title: `both upstreams send the length of each message 100 ms before it, for ${seconds(faultMs)}`,
    criterion: "0 SERVFAIL, 0 lost; <= 4 connections to each",
    peers: true,
    upstreams: [{ behaviour: { "length-ahead": 100 } }, { behaviour: { "length-ahead": 100 } }],
    // A connection carries no more than ten such messages a second.
    load: [{ fromMs: 0, toMs: faultMs, rate: 20 }],
    judge: (outcome) => [
      ...allAnswered(outcome),
      ...(outcome.counters.every(({ connections }) => connections <= 4) ? [] : ["more than 4 connections"]),
    ],
  };
}
