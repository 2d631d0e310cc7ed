/** Which of the upstreams that can be relied on gets a query. */

import type { Strategy } from "../../config/config.ts";
import { fold } from "../../wire/name.ts";
import type { Query } from "../../wire/query.ts";
import type { DotUpstream } from "../dot/dot-upstream.ts";

/** Picks one of at least one candidates. */
export type Choice = (candidates: readonly DotUpstream[], query: Query, nowMs: number) => DotUpstream;

/** Of so many queries, one goes to another upstream than the fastest, so that it is known how fast the others are. */
const EXPLORE_EVERY = 32;

export function choiceOf(strategy: Strategy): Choice {
  switch (strategy) {
    case "ordered":
      return (candidates) => candidates[0]!;
    case "fastest":
      return fastest();
    case "balanced":
      return balanced();
    case "sticky":
      return sticky;
  }
}

/** An answer takes so many times longer where a connection must be made first: TCP and TLS cost a round trip each. */
const UNCONNECTED = 3;

/** The one whose answer can be had soonest, on average; one that was never asked comes first, to find out. */
function fastest(): Choice {
  let asked = 0;
  let explored = 0;
  return (candidates, _query, nowMs) => {
    if (++asked % EXPLORE_EVERY === 0) return candidates[++explored % candidates.length]!;
    return least(
      candidates,
      (upstream) => upstream.times.meanMs * (upstream.ready ? 1 : UNCONNECTED) + upstream.stalledForMs(nowMs),
    );
  };
}

/** The one with the fewest queries in flight; among equals they take turns. */
function balanced(): Choice {
  let turn = 0;
  return (candidates) => {
    turn++;
    return least(candidates, (upstream, i) => upstream.inFlight + ((i + turn) % candidates.length) / candidates.length);
  };
}

/**
 * Always the same one for a registrable name, so that no operator sees all names, and each sees all of a site's.
 * Each upstream is weighed with the name, and the heaviest wins (rendezvous hashing): one that fails moves only its
 * own names.
 */
function sticky(candidates: readonly DotUpstream[], query: Query): DotUpstream {
  const from = registrableStart(query.question, query.questionOctets - 4);
  return least(candidates, (upstream) => {
    let hash = 0x811c9dc5;
    for (let i = 0; i < upstream.identity.text.length; i++) hash = mix(hash, upstream.identity.text.charCodeAt(i));
    for (let i = from; i < query.questionOctets - 4; i++) hash = mix(hash, fold(query.question[i]!));
    return finish(hash);
  });
}

/** Labels below a country's under which it registers everyone's names: those that many countries have. */
const COUNTRYS: ReadonlySet<string> = new Set("ac co com edu go gob gov gv mil ne net nom or org".split(" "));

/**
 * Where the registrable name begins in a wire name of `end` octets: its last two labels, or three where the last
 * but one is a country's "co", "com", "ac" and the like. A guess instead of the Public Suffix List: a wrong one only
 * means that some sites share an operator.
 */
export function registrableStart(name: Uint8Array, end: number): number {
  const starts: number[] = [];
  for (let at = 0; at < end && name[at] !== 0; at += 1 + name[at]!) starts.push(at);
  const [top, second] = [starts.at(-1), starts.at(-2)];
  if (top === undefined || second === undefined) return 0;
  const isCountrys = name[top] === 2 && COUNTRYS.has(label(name, second));
  return (isCountrys ? starts.at(-3) : undefined) ?? second;
}

/** The label at `at`, in lower case. */
function label(name: Uint8Array, at: number): string {
  return String.fromCharCode(...name.subarray(at + 1, at + 1 + name[at]!).map(fold));
}

function least(
  candidates: readonly DotUpstream[],
  cost: (upstream: DotUpstream, index: number) => number,
): DotUpstream {
  let best = candidates[0]!;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const itsCost = cost(candidates[i]!, i);
    if (itsCost < bestCost) {
      best = candidates[i]!;
      bestCost = itsCost;
    }
  }
  return best;
}

/** FNV-1a, a step. */
function mix(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}

/** Spreads the last octets over all bits (the finaliser of MurmurHash3). */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
