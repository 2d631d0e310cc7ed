import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { IdTable } from "../../src/upstream/connection/id-table.ts";
import type { Exchange } from "../../src/upstream/exchange.ts";
import { fakeRandom, numbersFrom } from "../support/fake-random.ts";
import { FakeExchange } from "../support/fake-upstream.ts";

/** The table beside what it should be. */
class Model {
  readonly table: IdTable;
  readonly inFlight = new Map<number, Exchange>();
  readonly quarantined = new Set<number>();

  constructor(seed: number) {
    this.table = new IdTable(fakeRandom(seed));
  }

  step(what: "take" | "release" | "quarantine" | "late", which: number): void {
    if (what === "take") this.#take();
    else if (what === "late") this.#late([...this.quarantined][which % Math.max(1, this.quarantined.size)]);
    else this.#settle(what, [...this.inFlight.keys()][which % Math.max(1, this.inFlight.size)]);
    expect([this.table.inFlight, this.table.taken]).toEqual([
      this.inFlight.size,
      this.inFlight.size + this.quarantined.size,
    ]);
    for (const [id, exchange] of this.inFlight) expect(this.table.find(id) === exchange).toBe(true);
    for (const id of this.quarantined) expect(this.table.find(id)).toBeUndefined();
  }

  #take(): void {
    const exchange = new FakeExchange();
    const id = this.table.take(exchange);
    expect(this.inFlight.has(id) || this.quarantined.has(id)).toBe(false);
    this.inFlight.set(id, exchange);
  }

  #late(id: number | undefined): void {
    expect(this.table.endQuarantine(id ?? 0)).toBe(id !== undefined);
    if (id !== undefined) this.quarantined.delete(id);
  }

  #settle(how: "release" | "quarantine", id: number | undefined): void {
    if (id === undefined) return;
    this.table[how](id);
    this.inFlight.delete(id);
    if (how === "quarantine") this.quarantined.add(id);
  }
}

describe("message IDs", () => {
  test("any order of taking, answering, giving up and late answers keeps a simple model", () => {
    const step = fc.tuple(fc.constantFrom("take", "release", "quarantine", "late"), fc.nat());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), fc.nat(), (steps, seed) => {
        const model = new Model(seed);
        for (const [what, which] of steps) model.step(what, which);
        expect(new Set(model.table.drain())).toEqual(new Set(model.inFlight.values()));
        expect([model.table.inFlight, model.table.taken]).toEqual([0, 0]);
      }),
      { seed: 3, numRuns: 40 },
    );
  });

  test("32,768 in flight at once, answered in another order", () => {
    const table = new IdTable(fakeRandom(9));
    const exchange = new FakeExchange();
    const ids = Array.from({ length: 32_768 }, () => table.take(exchange));
    expect(new Set(ids).size).toBe(32_768);
    const next = numbersFrom(4);
    for (const id of ids.sort(() => (next() % 2 === 0 ? 1 : -1))) table.release(id);
    expect(table.taken).toBe(0);
  });

  test("one connection may carry more queries than there are IDs, one after the other", () => {
    const table = new IdTable(fakeRandom(9));
    const exchange = new FakeExchange();
    const lasting = new FakeExchange();
    const lastingId = table.take(lasting);
    for (let i = 0; i < 140_000; i++) {
      const id = table.take(exchange);
      if (table.find(id) !== exchange || table.find(lastingId) !== lasting) throw new Error(`mixed up after ${i}`);
      table.release(id);
    }
  });

  test("IDs use all 65,536 values evenly", () => {
    const table = new IdTable(fakeRandom(2));
    const exchange = new FakeExchange();
    const upper = new Array<number>(16).fill(0);
    const lower = new Array<number>(16).fill(0);
    for (let i = 0; i < 16_000; i++) {
      const id = table.take(exchange);
      table.release(id);
      upper[id >> 12]!++;
      lower[id & 15]!++;
    }
    for (const count of [...upper, ...lower]) expect(Math.abs(count - 1000)).toBeLessThan(200);
  });
});
