/** All rows of the battery, in their order. */

import type { Pace } from "./pace.ts";
import * as answers from "./rows-answers.ts";
import * as cache from "./rows-cache.ts";
import * as clients from "./rows-clients.ts";
import * as connections from "./rows-connections.ts";
import * as host from "./rows-host.ts";
import * as lost from "./rows-lost-upstreams.ts";
import * as names from "./rows-names.ts";
import type { Scenario } from "./scenario.ts";

export function rowsAt(pace: Pace): Scenario[] {
  return [
    lost.oneKilled,
    lost.oneBlackholed,
    lost.bothDown,
    cache.bothRefuse,
    cache.bothSilent,
    lost.bothBack,
    connections.closedAfterEachAnswer,
    connections.closedEverySecond,
    connections.idleThenAsked,
    connections.forgottenByMiddlebox,
    answers.resetInFrames,
    answers.shortFrames,
    answers.trickled,
    lost.handshakeHeld,
    answers.badCertificates,
    connections.keysRotated,
    connections.ticketsRefused,
    answers.reordered,
    answers.unaskedFrames,
    answers.lateAnswers,
    answers.nobodyAnswers,
    answers.oneServfails,
    answers.allServfail,
    lost.lossyPath,
    cache.subdomainFlood,
    connections.suspended,
    lost.addressReplaced,
    clients.neverReads,
    host.logUnread,
    names.oneNameResets,
    names.lengthAhead,
  ].map((row) => row(pace));
}
