/**
 * The addresses of one upstream: in which order they are tried, and a breaker for each address family, so that one
 * family that leads nowhere costs nothing while the other works. Only what the transport does counts.
 */

import type { Clock, Random } from "../../runtime/runtime.ts";
import { type BackOff, Breaker, type BreakerState } from "../health/breaker.ts";

export type Family = 4 | 6;

export class AddressBook {
  readonly #clock: Clock;
  readonly #breakers: Readonly<Record<Family, Breaker>>;
  readonly #failedAtMs = new Map<string, number>();
  #hosts: readonly string[];
  #last: string | undefined;

  constructor(hosts: readonly string[], clock: Clock, random: Random, limits: BackOff) {
    this.#hosts = hosts;
    this.#clock = clock;
    this.#breakers = { 4: new Breaker(clock, random, limits), 6: new Breaker(clock, random, limits) };
  }

  get isEmpty(): boolean {
    return this.#hosts.length === 0;
  }

  get families(): Family[] {
    return [...new Set(this.#hosts.map(familyOf))];
  }

  /** "open" when every address of the family failed since one last worked. */
  stateOf(family: Family): BreakerState {
    return this.#breakers[family].state;
  }

  /** The one that worked last, unless it failed since. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Other addresses, of which nothing is known. */
  replace(hosts: readonly string[]): void {
    this.#hosts = hosts;
    if (this.#last !== undefined && !hosts.includes(this.#last)) this.#last = undefined;
    this.forgive();
  }

  /** Takes those that are new, and returns them; of the others it knows what it knew. */
  add(hosts: readonly string[]): readonly string[] {
    const added = hosts.filter((host) => !this.#hosts.includes(host));
    this.#hosts = [...this.#hosts, ...added];
    return added;
  }

  /** Failures of before say nothing any more, as when the host's own addresses changed. */
  forgive(): void {
    this.#failedAtMs.clear();
    this.#breakers[4].worked();
    this.#breakers[6].worked();
  }

  /**
   * Those to be raced: while one family works, none of a family that does not. What worked last first, then its
   * family; what failed last of all, the oldest failure first. Families alternate otherwise (RFC 8305, 4), as given.
   */
  ordered(): string[] {
    const rank = (host: string): number => {
      const failedAtMs = this.#failedAtMs.get(host);
      if (failedAtMs !== undefined) return 2 + failedAtMs;
      return host === this.#last ? 0 : 1;
    };
    const raced =
      this.#last === undefined ? this.#hosts : this.#hosts.filter((host) => this.#breakers[familyOf(host)].isClosed);
    return alternating(raced, this.#last?.includes(":")).sort((a, b) => rank(a) - rank(b));
  }

  /** An address of a family that is passed over and whose back-off is over, for one probe; the family is half-open then. */
  takeProbe(): string | undefined {
    // While no family works, every dial tries all of them.
    if (this.#last === undefined) return undefined;
    for (const host of this.#failedAtMs.keys()) if (this.#breakers[familyOf(host)].takeProbe()) return host;
    return undefined;
  }

  /**
   * A connection to it was made, and will be used. Those dialled before it that are not done: a family that had such a
   * start and lost is taken to have failed, and a probe finds out whether it is merely slow.
   */
  worked(host: string, beganBefore: readonly string[] = []): void {
    this.#last = host;
    this.recovered(host);
    for (const other of beganBefore) if (familyOf(other) !== familyOf(host)) this.failed(other);
  }

  /** A probe found that it works. */
  recovered(host: string): void {
    this.#failedAtMs.delete(host);
    this.#breakers[familyOf(host)].worked();
  }

  /** It could not be reached, or a connection to it fell silent. */
  failed(host: string): void {
    if (!this.#hosts.includes(host)) return;
    // The one that failed last becomes the last of the map, too: probes begin with the oldest failure.
    this.#failedAtMs.delete(host);
    this.#failedAtMs.set(host, this.#clock.nowMs());
    if (this.#last === host) this.#last = undefined;
    const family = familyOf(host);
    const isLost = this.#hosts.every((other) => familyOf(other) !== family || this.#failedAtMs.has(other));
    if (isLost) this.#breakers[family].failed();
  }
}

function familyOf(host: string): Family {
  return host.includes(":") ? 6 : 4;
}

/** IPv6 and IPv4 in turn, beginning with the family preferred, or that of the first. */
function alternating(hosts: readonly string[], preferIpv6 = hosts[0]?.includes(":") ?? false): string[] {
  const preferred = hosts.filter((host) => host.includes(":") === preferIpv6);
  const others = hosts.filter((host) => host.includes(":") !== preferIpv6);
  const mixed: string[] = [];
  for (let i = 0; i < Math.max(preferred.length, others.length); i++) {
    if (i < preferred.length) mixed.push(preferred[i]!);
    if (i < others.length) mixed.push(others[i]!);
  }
  return mixed;
}
