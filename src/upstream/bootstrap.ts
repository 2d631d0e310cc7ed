/**
 * The addresses of upstreams that are given by name: asked of the bootstrap servers over DNS over TLS, never of fdns
 * itself (a loop) and never in cleartext.
 */

import { type Answer, decode } from "@leichtgewicht/dns-packet";
import type { UpstreamAddress } from "../config/config.ts";
import { parseIpAddress } from "../wire/ip-address.ts";
import type { ResponseLayout } from "../wire/response.ts";
import type { LookUp, ServerParts } from "./dot-server.ts";
import { Exchange, UpstreamError } from "./exchange.ts";
import { type SetLimits, UpstreamSet } from "./upstream-set.ts";

const TYPE_A = 1;
const TYPE_AAAA = 28;

export interface BootstrapLimits extends SetLimits {
  readonly lookUpMs: number;
}

export interface Bootstrap {
  readonly lookUp: LookUp;
  stop(): Promise<void>;
}

/** `servers` have addresses, all of them: a bootstrap server cannot itself be looked up. */
export function bootstrapLookUp(
  servers: readonly UpstreamAddress[],
  parts: Omit<ServerParts, "lookUp">,
  limits: BootstrapLimits,
): Bootstrap {
  const lookUpNothing: LookUp = (hostName, done) => done(notFound(hostName, "there is no bootstrap server to ask"));
  const set = new UpstreamSet(servers, { ...parts, lookUp: lookUpNothing }, limits);
  return {
    lookUp: (hostName, done) => {
      if (servers.length === 0) return lookUpNothing(hostName, done);
      const found: string[] = [];
      let left = 2;
      const nowMs = parts.clock.nowMs();
      const settle = (addresses: readonly string[]): void => {
        found.push(...addresses);
        if (--left > 0) return;
        done(found.length > 0 ? found : notFound(hostName, "no bootstrap server gave an address"));
      };
      for (const qtype of [TYPE_A, TYPE_AAAA]) {
        const question = new AddressQuestion(hostName, qtype, settle);
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
