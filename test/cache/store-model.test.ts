/** Random stores, look-ups, removals and flushes against a Map, which never forgets and is never wrong. */

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { KEY_CD, KEY_DENIAL, KEY_DO } from "../../src/cache/store/store.ts";
import {
  answerOf,
  difference,
  find,
  put,
  questionOf,
  remove,
  type StoredAnswer,
  storeOf,
  walked,
} from "./stored-answers.ts";

const KEYS = 60;
const FLAGS = [0, KEY_DO, KEY_CD, KEY_DO | KEY_DENIAL];
const nameOf = (key: number, flags: number) => `${Buffer.from(questionOf(key)).toString("latin1")} ${flags}`;

type Step =
  | {
      readonly does: "put";
      readonly key: number;
      readonly flags: number;
      readonly records: number;
      readonly ttls: number;
      readonly laterDs: number;
    }
  | { readonly does: "find" | "refresh" | "remove"; readonly key: number; readonly flags: number }
  | { readonly does: "flush" | "walk" };

const key = fc.integer({ min: 0, max: KEYS - 1 });
const flags = fc.constantFrom(...FLAGS);
const sizes = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: 0, max: 300 }) }, fc.integer({ min: 0, max: 4000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 150,
    arbitrary: fc.record({
      does: fc.constant("put" as const),
      key,
      flags,
      records: sizes,
      ttls: fc.integer({ min: 0, max: 9 }),
      laterDs: fc.integer({ min: 0, max: 200 }),
    }),
  },
  { weight: 150, arbitrary: fc.record({ does: fc.constant("find" as const), key, flags }) },
  { weight: 50, arbitrary: fc.record({ does: fc.constant("refresh" as const), key, flags }) },
  { weight: 15, arbitrary: fc.record({ does: fc.constant("remove" as const), key, flags }) },
  { weight: 8, arbitrary: fc.record({ does: fc.constant("walk" as const) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("flush" as const) }) },
);

/** One store and a Map, asked the same. */
class Comparison {
  readonly store;
  readonly #model = new Map<string, StoredAnswer>();
  /** Names of entries whose refresh somebody has begun. */
  readonly #refreshed = new Set<string>();
  #nowDs = 1000;
  #version = 0;

  constructor(octets: number) {
    this.store = storeOf(octets);
  }

  take(step: Step): void {
    if (step.does === "put") this.#put(step);
    else if (step.does === "find") this.find(step.key, step.flags);
    else if (step.does === "refresh") this.#refresh(step.key, step.flags);
    else if (step.does === "remove") this.#remove(step.key, step.flags);
    else if (step.does === "walk") this.walk();
    else {
      expect(this.store.flush()).toBe(true);
      this.#model.clear();
      this.#refreshed.clear();
    }
  }

  #put(step: Step & { does: "put" }): void {
    this.#nowDs += step.laterDs;
    this.#version++;
    const lifetimeSeconds = 1 + (this.#version % 90);
    const answer = answerOf(step.key, this.#version, { ...step, lifetimeSeconds, storedDs: this.#nowDs });
    // A store that is refused leaves what was there.
    if (!put(this.store, answer)) return;
    this.#model.set(nameOf(step.key, step.flags), answer);
    this.#refreshed.delete(nameOf(step.key, step.flags));
  }

  #refresh(key: number, flags: number): void {
    const name = nameOf(key, flags);
    if (!this.find(key, flags)) return;
    const isFirst = !this.#refreshed.has(name);
    if (this.store.claimRefresh() !== isFirst) throw new Error(`refreshed ${name} ${isFirst ? "never" : "twice"}`);
    this.#refreshed.add(name);
  }

  #remove(key: number, flags: number): void {
    const was = this.#model.delete(nameOf(key, flags));
    if (remove(this.store, questionOf(key), flags) && !was) throw new Error("removed what was not stored");
  }

  find(key: number, flags: number): boolean {
    const expected = this.#model.get(nameOf(key, flags));
    const isFound = find(this.store, questionOf(key), flags);
    if (isFound) {
      if (expected === undefined) throw new Error(`found ${nameOf(key, flags)}, which is not there`);
      const complaint = difference(this.store, this.store.found, expected);
      if (complaint !== undefined) throw new Error(complaint);
      if (!this.store.intact) throw new Error("not intact");
    } else if (expected !== undefined && this.store.counters.evictions === 0) {
      throw new Error(`forgot ${nameOf(key, flags)} without need`);
    }
    return isFound;
  }

  /** What a walk comes by is what counters and look-ups say. */
  walk(): void {
    const { counters } = this.store;
    const names = walked(this.store);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => !this.#model.has(name))).toEqual([]);
    if (counters.evictions === 0) expect(names.length).toBe(this.#model.size);
    expect(counters.entries).toBe(names.length);
    expect(counters.denials).toBe(names.filter((name) => name.endsWith(` ${KEY_DO | KEY_DENIAL}`)).length);
    expect(counters.octetsUsed).toBeLessThanOrEqual(counters.capacityOctets);
    expect(counters.octetsUsed > 0).toBe(names.length > 0);
  }
}

/** Does the steps on a store of so many octets and on a Map; returns how many entries the store gave up. */
function compare(octets: number, steps: readonly Step[]): number {
  const comparison = new Comparison(octets);
  for (const step of steps) comparison.take(step);
  comparison.walk();
  for (const flags of FLAGS) for (let key = 0; key < KEYS; key++) comparison.find(key, flags);
  return comparison.store.counters.evictions;
}

const settings = { seed: 20_261_123, numRuns: 150 };

describe("the store against a Map", () => {
  test("with room for everything, it has the same answers always", () => {
    const property = fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      expect(compare(4 * 2 ** 20, steps)).toBe(0);
    });
    fc.assert(property, settings);
  });

  test.each([8, 16, 48])("in %d KiB it may forget, and is never wrong", (kibibytes) => {
    let evictions = 0;
    const property = fc.property(fc.array(step, { minLength: 100, maxLength: 700, size: "max" }), (steps) => {
      evictions += compare(kibibytes * 1024, steps);
    });
    fc.assert(property, settings);
    expect(evictions).toBeGreaterThan(1000);
  });
});
