/**
 * The addresses of upstreams that are given by name: asked of the bootstrap servers over DNS over TLS, never of fdns
 * itself (a loop) and never in cleartext.
 */

import { type Answer, decode } from "@leichtgewicht/dns-packet";
import type { UpstreamAddress } from "../../config/config.ts";
import type { Clock } from "../../runtime/runtime.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import type { ResponseLayout } from "../../wire/response.ts";
import type { DotUpstreamParts } from "../dot/dot-upstream-parts.ts";
import { Exchange, UpstreamError } from "../exchange.ts";
import type { GroupLimits } from "../group/group-limits.ts";
import { UpstreamGroup } from "../group/upstream-group.ts";
import type { LookUp } from "./look-up.ts";

const TYPE_A = 1;
const TYPE_AAAA = 28;
const QTYPES = [TYPE_A, TYPE_AAAA] as const;
const NOTHING_FOUND = "no bootstrap server gave an address";

/** RFC 8305, 3: the Resolution Delay. IPv4 addresses known first wait so long for the IPv6 ones, and no longer. */
const RESOLUTION_DELAY_MS = 50;

export interface BootstrapLimits extends GroupLimits {
  readonly lookUpMs: number;
}

export interface Bootstrap {
  readonly lookUp: LookUp;
  stop(): Promise<void>;
}

/** `servers` have addresses, all of them: a bootstrap server cannot itself be looked up. */
export function bootstrapLookUp(
  servers: readonly UpstreamAddress[],
  parts: Omit<DotUpstreamParts, "lookUp">,
  limits: BootstrapLimits,
): Bootstrap {
  const lookUpNothing: LookUp = (hostName, onFound) =>
    onFound(notFound(hostName, "there is no bootstrap server to ask"), true);
  const set = new UpstreamGroup(servers, { ...parts, lookUp: lookUpNothing }, limits);
  return {
    lookUp: (hostName, onFound) => {
      if (servers.length === 0) return lookUpNothing(hostName, onFound);
      const nowMs = parts.clock.nowMs();
      const found = new FoundAddresses(parts.clock, (addresses, isLast) =>
        onFound(isLast && addresses.length === 0 ? notFound(hostName, NOTHING_FOUND) : addresses, isLast),
      );
      for (const qtype of QTYPES) {
        const question = new AddressQuestion(hostName, qtype, (addresses) => found.answered(qtype, addresses));
        question.begin(nowMs + limits.lookUpMs);
        set.ask(question, nowMs);
      }
    },
    stop: () => set.stop(0),
  };
}

function notFound(hostName: string, why: string): UpstreamError {
  return new UpstreamError("unresolved", `its name ${hostName} has no known address: ${why}`);
}

/** What is found for both families, told as RFC 8305, 3 asks: IPv6 at once, IPv4 a moment later, the rest when it comes. */
class FoundAddresses {
  readonly #clock: Clock;
  readonly #onFound: (addresses: readonly string[], isLast: boolean) => void;
  #addresses: readonly string[] = [];
  #awaited = QTYPES.length;
  #cancelDelay = (): void => {};

  constructor(clock: Clock, onFound: (addresses: readonly string[], isLast: boolean) => void) {
    this.#clock = clock;
    this.#onFound = onFound;
  }

  answered(qtype: (typeof QTYPES)[number], addresses: readonly string[]): void {
    const before = this.#addresses;
    this.#addresses = qtype === TYPE_AAAA ? [...addresses, ...before] : [...before, ...addresses];
    this.#cancelDelay();
    this.#awaited--;
    if (this.#awaited === 0) this.#onFound(this.#addresses, true);
    else if (addresses.length > 0 && qtype === TYPE_AAAA) this.#onFound(addresses, false);
    else if (addresses.length > 0) {
      this.#cancelDelay = this.#clock.after(RESOLUTION_DELAY_MS, () => this.#onFound(addresses, false));
    }
  }
}

/** One question for the addresses of one family. */
class AddressQuestion extends Exchange {
  readonly #settle: (addresses: readonly string[]) => void;

  constructor(hostName: string, qtype: number, settle: (addresses: readonly string[]) => void) {
    super();
    this.#settle = settle;
    const labels = hostName.split(".").map((label) => [label.length, ...Buffer.from(label, "latin1")]);
    const question = [...labels.flat(), 0, 0, qtype, 0, 1];
    this.query.question.set(question);
    this.query.questionOctets = question.length;
    this.query.rd = true;
  }

  override onResponse(octets: Uint8Array, start: number, layout: ResponseLayout): void {
    this.#settle(addressesIn(octets.subarray(start, start + layout.bodyOctets)));
  }

  override onFailure(): void {
    this.#settle([]);
  }
}

/** A and AAAA records of the answer section, whatever their owner: the server is authenticated and follows CNAMEs. */
function addressesIn(message: Uint8Array): string[] {
  try {
    // The OPT was cut off: the count of additional records is no longer true, and only the answers are of interest.
    const answersOnly = Uint8Array.from(message);
    answersOnly.fill(0, 8, 12);
    const { answers } = decode(answersOnly) as { answers?: Answer[] };
    const addresses = (answers ?? []).filter(({ type }) => type === "A" || type === "AAAA");
    // RDATA too short decodes to a text that is none, which the runtime would take for a name and look up by itself.
    return addresses.map(({ data }) => data as string).filter((text) => parseIpAddress(text) !== undefined);
  } catch {
    return [];
  }
}
