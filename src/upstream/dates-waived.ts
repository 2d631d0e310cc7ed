/**
 * Upstreams for while the clock of the host is behind, when no certificate looks valid yet: only those whose key the
 * operator pinned, authenticated by that key (RFC 7858, 4.2) and by the name in the SAN. The pin alone is the proof
 * then: TLS libraries report the dates of a certificate and nothing else that is wrong with it, so a rogue CA's looks
 * the same. Never for just any query; who may use it is for the caller to say (resolver/upstreams-by-clock.ts).
 */

import type { UpstreamAddress } from "../config/config.ts";
import type { DotUpstreamParts } from "./dot/dot-upstream-parts.ts";
import type { GroupLimits } from "./group/group-limits.ts";
import { UpstreamGroup } from "./group/upstream-group.ts";

/** The upstreams that such a set may have; none of the others is ever dialled this way. */
export function pinned(identities: readonly UpstreamAddress[]): UpstreamAddress[] {
  return identities.filter(({ spkiPins }) => spkiPins.length > 0);
}

/**
 * The pinned ones of `identities`. `parts.trust` should be theirs alone: nothing of these connections is to be resumed
 * by others. `builtMs`, since 1970, is a time known to be past: a certificate that ended before it is refused.
 */
export function datesWaivedGroup(
  identities: readonly UpstreamAddress[],
  parts: DotUpstreamParts,
  limits: GroupLimits,
  builtMs: number,
): UpstreamGroup {
  const dialTls: DotUpstreamParts["dialTls"] = (options) =>
    parts.dialTls({
      ...options,
      datesWaived: true,
      // Every handshake is a full one, and leaves no ticket.
      session: undefined,
      onSession: () => {},
      checkLeaf: (leaf) =>
        leaf.notAfterMs < builtMs
          ? new Error("its certificate had expired before this fdns was built")
          : options.checkLeaf(leaf),
    });
  return new UpstreamGroup(pinned(identities), { ...parts, dialTls }, limits);
}
