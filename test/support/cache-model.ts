/**
 * The resolver with its cache as one would write it without a thought for memory or speed: Maps, and the rules one by
 * one. It says what each client must have got by now.
 */

export const RULES = {
  staleAfterMs: 1800,
  staleSeconds: 120,
  firstFailureMs: 1000,
  maxFailureMs: 5000,
  recheckMs: 30_000,
} as const;

type Good =
  | { readonly kind: "address"; readonly number: number; readonly ttlSeconds: number }
  | { readonly kind: "nxdomain"; readonly isValidated: boolean; readonly ttlSeconds: number };
type Bad = "servfail" | "bogus" | "refused" | "blocked";

export type ModelAnswer = Good | { readonly kind: Bad };

export type ModelFailure = "connect" | "timeout";

export interface ModelReply {
  readonly rcode: number;
  readonly addresses: readonly string[];
  readonly ttlSeconds: number | undefined;
  readonly ede: number | undefined;
}

interface Kept {
  readonly rcode: number;
  readonly addresses: readonly string[];
  /** 0: given to nobody, it only says that what was asked before is over. */
  readonly ttlSeconds: number;
  readonly storedMs: number;
  readonly askedMs: number;
  readonly flags: string;
  isRefreshed: boolean;
}

interface Given {
  readonly kept: Kept;
  readonly isStale: boolean;
}

/** DO and CD. */
const FLAGS = ["false-false", "true-false", "false-true", "true-true"];

interface Failed {
  failedMs: number;
  untilMs: number;
  lastsMs: number;
  rcode: number;
  ede: number | undefined;
  isFinal: boolean;
}

interface UnderWay {
  readonly beganMs: number;
  readonly isWatched: boolean;
  isOverdue: boolean;
  waiting: number[];
}

const BOGUS = 6;
const BLOCKED = 15;
const SERVFAIL = { rcode: 2, addresses: [], ttlSeconds: undefined };

export class CacheModel {
  /** By client; undefined: it still waits. */
  readonly replies: (ModelReply | undefined)[] = [];
  /** By question, in the order in which they were asked upstream. */
  readonly underWay = new Map<string, UnderWay>();
  readonly #kept = new Map<string, Kept>();
  readonly #denied = new Map<string, Kept>();
  readonly #failed = new Map<string, Failed>();
  #nowMs = 0;

  /** The next client asks for "name flags". */
  ask(question: string): void {
    const client = this.replies.push(undefined) - 1;
    const found = this.#look(question);
    if (found === undefined || found.isStale) {
      this.#miss(client, question, found);
      return;
    }
    this.#give(client, found);
    const { kept } = found;
    const isEnding = this.#ageSeconds(kept) >= kept.ttlSeconds * 0.9 && this.#kept.get(question) === kept;
    const isTried = this.underWay.has(question) || this.#failureOf(question) !== undefined;
    if (!isEnding || isTried || kept.isRefreshed) return;
    kept.isRefreshed = true;
    this.#begin(question, true, false);
  }

  #miss(client: number, question: string, stale: Given | undefined): void {
    const before = this.underWay.get(question);
    const failed = before === undefined ? this.#failureOf(question) : undefined;
    if (stale !== undefined && (before?.isOverdue || failed?.isFinal === false)) {
      this.#give(client, stale);
      if (failed !== undefined && this.#nowMs >= failed.untilMs) this.#begin(question, false, true);
    } else if (before !== undefined) {
      before.waiting.push(client);
    } else if (failed !== undefined && this.#nowMs < failed.untilMs) {
      this.replies[client] = { ...SERVFAIL, rcode: failed.rcode, ede: failed.ede };
    } else {
      this.#begin(question, stale !== undefined, false).waiting.push(client);
    }
  }

  answer(question: string, answer: ModelAnswer): void {
    if (answer.kind === "address" || answer.kind === "nxdomain") this.#resolved(question, answer);
    else this.#refused(question, answer.kind);
  }

  #resolved(question: string, answer: Good): void {
    const { waiting, beganMs: askedMs } = this.#end(question);
    this.#failed.delete(question);
    const { ttlSeconds } = answer;
    const isDenial = answer.kind === "nxdomain";
    const [name = "", flags = ""] = question.split(" ");
    const reply = isDenial ? { rcode: 3, addresses: [] } : { rcode: 0, addresses: [`192.0.2.${answer.number}`] };
    const kept = { ...reply, ttlSeconds, storedMs: this.#nowMs, askedMs, flags, isRefreshed: false };
    const isKept = ttlSeconds > 0 && this.#put(this.#kept, name, kept);
    if (!isKept) this.#over(this.#kept, name, kept);
    if (!isDenial) this.#exists(name, kept);
    if (isDenial && answer.isValidated) this.#put(this.#denied, name, { ...kept, ttlSeconds: isKept ? ttlSeconds : 0 });
    for (const client of waiting) this.replies[client] = { ...reply, ttlSeconds, ede: undefined };
  }

  /** False if something newer is known of it. */
  #put(among: Map<string, Kept>, name: string, kept: Kept): boolean {
    const isOutdated = variants(among, name).some(
      (one) => one.askedMs > kept.askedMs && (one.flags === kept.flags || one.ttlSeconds === 0),
    );
    if (!isOutdated) among.set(`${name} ${kept.flags}`, kept);
    return !isOutdated;
  }

  /** What was asked for before is over. */
  #over(among: Map<string, Kept>, name: string, newer: Kept): void {
    for (const one of variants(among, name)) if (one.askedMs <= newer.askedMs) among.delete(`${name} ${one.flags}`);
    this.#put(among, name, { ...newer, rcode: 0, addresses: [], ttlSeconds: 0 });
  }

  #exists(name: string, shown: Kept): void {
    for (const above of ancestors(name)) {
      if (newest(variants(this.#denied, above), FLAGS[0]!)?.rcode !== 3) continue;
      this.#over(this.#denied, above, { ...shown, flags: FLAGS[0]! });
    }
  }

  #refused(question: string, kind: Bad): void {
    const { waiting, beganMs: askedMs } = this.#end(question);
    const isFinal = kind === "bogus";
    const ede = isFinal ? BOGUS : undefined;
    if (kind === "blocked") {
      // A policy's REFUSED is an answer: what is older is over.
      const [name = "", flags = ""] = question.split(" ");
      this.#remember(question, { rcode: 5, ede: BLOCKED, isFinal: true }, true);
      const end = { rcode: 0, addresses: [], ttlSeconds: 0, storedMs: this.#nowMs, askedMs, flags, isRefreshed: false };
      this.#over(this.#kept, name, end);
      for (const client of waiting) this.replies[client] = { ...SERVFAIL, rcode: 5, ede: BLOCKED };
      return;
    }
    const rcode = kind === "refused" ? 5 : 2;
    this.#remember(question, { rcode, ede, isFinal }, true);
    for (const client of waiting) {
      const found = isFinal ? undefined : this.#look(question);
      if (found !== undefined) this.#give(client, found);
      else this.replies[client] = { ...SERVFAIL, rcode, ede };
    }
  }

  fail(question: string, code: ModelFailure): void {
    const { waiting } = this.#end(question);
    const ede = code === "connect" ? 23 : 22;
    this.#remember(question, { rcode: 2, ede, isFinal: false }, code === "timeout");
    for (const client of waiting) {
      const found = this.#look(question);
      if (found !== undefined) this.#give(client, found);
      else this.replies[client] = { ...SERVFAIL, ede };
    }
  }

  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    const dueMs = ({ beganMs }: UnderWay) => beganMs + RULES.staleAfterMs;
    const watched = [...this.underWay].filter(([, one]) => one.isWatched && !one.isOverdue && dueMs(one) <= untilMs);
    for (const [question, one] of watched) {
      this.#nowMs = dueMs(one);
      one.isOverdue = true;
      const found = this.#look(question);
      if (found === undefined) continue;
      for (const client of one.waiting.splice(0)) this.#give(client, found);
    }
    this.#nowMs = untilMs;
  }

  #begin(question: string, isWatched: boolean, isOverdue: boolean): UnderWay {
    const one = { beganMs: this.#nowMs, isWatched, isOverdue, waiting: [] };
    this.underWay.set(question, one);
    return one;
  }

  #end(question: string): UnderWay {
    const one = this.underWay.get(question)!;
    this.underWay.delete(question);
    return one;
  }

  /** What there is to give: fresh before denied before stale. */
  #look(question: string): Given | undefined {
    const own = this.#kept.get(question);
    if (own !== undefined && this.#isFresh(own)) return { kept: own, isStale: false };
    const [name = "", flags = ""] = question.split(" ");
    for (const above of ancestors(name)) {
      const denied = this.#denied.get(`${above} ${flags}`);
      if (denied !== undefined && this.#isFresh(denied)) return { kept: denied, isStale: false };
    }
    const kept = this.#stale(name, flags);
    return kept && { kept, isStale: true };
  }

  /** Nothing older than the newest that is known. */
  #stale(name: string, flags: string): Kept | undefined {
    const last = newest(variants(this.#kept, name), flags);
    if (last === undefined) return undefined;
    const own = this.#kept.get(`${name} ${flags}`);
    const hasOwn = own !== undefined && this.#isUsable(own);
    const denial = this.#denialNewerThan(last, name, flags);
    const agrees = denial === undefined ? own !== undefined && saysTheSame(own, last) : own?.rcode === 3;
    if (hasOwn && agrees) return own;
    const other = denial ?? last;
    // What is unchecked is for those who asked for that.
    const mayHave = !other.flags.endsWith("true") || flags.endsWith("true");
    return mayHave && this.#isUsable(other) ? other : undefined;
  }

  #denialNewerThan(last: Kept, name: string, flags: string): Kept | undefined {
    let denial: Kept | undefined;
    for (const above of ancestors(name)) {
      const one = newest(variants(this.#denied, above), flags);
      if (one?.rcode === 3 && one.askedMs > (denial ?? last).askedMs) denial = one;
    }
    return denial;
  }

  #give(client: number, { kept, isStale }: Given): void {
    const { rcode, addresses } = kept;
    this.replies[client] = isStale
      ? { rcode, addresses, ttlSeconds: 30, ede: rcode === 3 ? 19 : 3 }
      : { rcode, addresses, ttlSeconds: kept.ttlSeconds - Math.floor(this.#ageSeconds(kept)), ede: undefined };
  }

  #isUsable(kept: Kept): boolean {
    return kept.ttlSeconds > 0 && this.#ageSeconds(kept) < kept.ttlSeconds + RULES.staleSeconds;
  }

  #ageSeconds({ storedMs }: Kept): number {
    return (this.#nowMs - storedMs) / 1000;
  }

  #isFresh(kept: Kept): boolean {
    return this.#ageSeconds(kept) < kept.ttlSeconds;
  }

  #failureOf(question: string): Failed | undefined {
    const failed = this.#failed.get(question);
    const endMs = failed === undefined ? 0 : Math.max(failed.untilMs, failed.failedMs + RULES.recheckMs);
    return this.#nowMs < endMs ? failed : undefined;
  }

  /** For longer each time in a row, if it `grows`. */
  #remember(question: string, what: Pick<Failed, "rcode" | "ede" | "isFinal">, grows: boolean): void {
    const before = this.#failed.get(question) ?? { untilMs: 0, lastsMs: 0 };
    const isAgain = grows && before.lastsMs > 0 && this.#nowMs < before.untilMs + before.lastsMs;
    const lastsMs = isAgain ? Math.min(2 * before.lastsMs, RULES.maxFailureMs) : RULES.firstFailureMs;
    this.#failed.set(question, { failedMs: this.#nowMs, untilMs: this.#nowMs + lastsMs, lastsMs, ...what });
  }
}

function saysTheSame(own: Kept, last: Kept): boolean {
  if (own === last) return true;
  return own.rcode === last.rcode && `${own.addresses}` === `${last.addresses}` && last.ttlSeconds > 0;
}

/** The name and those above it, the root not among them. */
function ancestors(name: string): string[] {
  const labels = name.split(".");
  return labels.map((_label, i) => labels.slice(i).join("."));
}

/** What is kept of a name, whatever its flags. */
function variants(among: Map<string, Kept>, name: string): Kept[] {
  return FLAGS.map((flags) => among.get(`${name} ${flags}`)).filter((kept) => kept !== undefined);
}

/** Of those asked for at the same time, the one with these flags, or else with the fewest. */
function newest(of: readonly Kept[], flags: string): Kept | undefined {
  const own = of.filter((kept) => kept.flags === flags);
  const [first, ...rest] = [...own, ...of];
  return rest.reduce((best, kept) => (best !== undefined && kept.askedMs > best.askedMs ? kept : best), first);
}
