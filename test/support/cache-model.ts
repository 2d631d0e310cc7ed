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

export type ModelAnswer = Good | { readonly kind: "servfail" | "bogus" | "refused" };

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
  readonly ttlSeconds: number;
  readonly storedMs: number;
  isRefreshed: boolean;
}

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
    if (found === undefined || !this.#isFresh(found)) {
      this.#miss(client, question, found);
      return;
    }
    this.#give(client, found);
    const isEnding = this.#ageSeconds(found) >= found.ttlSeconds * 0.9 && this.#kept.get(question) === found;
    const isTried = this.underWay.has(question) || this.#failureOf(question) !== undefined;
    if (!isEnding || isTried || found.isRefreshed) return;
    found.isRefreshed = true;
    this.#begin(question, true, false);
  }

  #miss(client: number, question: string, stale: Kept | undefined): void {
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
    const { waiting } = this.#end(question);
    this.#failed.delete(question);
    const { ttlSeconds } = answer;
    const isDenial = answer.kind === "nxdomain";
    const reply = isDenial ? { rcode: 3, addresses: [] } : { rcode: 0, addresses: [`192.0.2.${answer.number}`] };
    const kept = { ...reply, ttlSeconds, storedMs: this.#nowMs, isRefreshed: false };
    if (ttlSeconds > 0) this.#kept.set(question, kept);
    if (ttlSeconds > 0 && isDenial && answer.isValidated) this.#denied.set(question, kept);
    for (const client of waiting) this.replies[client] = { ...reply, ttlSeconds, ede: undefined };
  }

  #refused(question: string, kind: "servfail" | "bogus" | "refused"): void {
    const { waiting } = this.#end(question);
    const isFinal = kind === "bogus";
    const ede = isFinal ? BOGUS : undefined;
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
  #look(question: string): Kept | undefined {
    const own = this.#kept.get(question);
    if (own !== undefined && this.#isFresh(own)) return own;
    const [name = "", flags] = question.split(" ");
    for (let rest = name; rest !== ""; rest = rest.replace(/^[^.]*\.?/, "")) {
      const denied = this.#denied.get(`${rest} ${flags}`);
      if (denied !== undefined && this.#isFresh(denied)) return denied;
    }
    return own !== undefined && this.#ageSeconds(own) < own.ttlSeconds + RULES.staleSeconds ? own : undefined;
  }

  #give(client: number, kept: Kept): void {
    const { rcode, addresses } = kept;
    this.replies[client] = this.#isFresh(kept)
      ? { rcode, addresses, ttlSeconds: kept.ttlSeconds - Math.floor(this.#ageSeconds(kept)), ede: undefined }
      : { rcode, addresses, ttlSeconds: 30, ede: rcode === 3 ? 19 : 3 };
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
