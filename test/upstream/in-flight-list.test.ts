import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { Exchange } from "../../src/upstream/exchange.ts";
import { InFlightList } from "../../src/upstream/group/in-flight-list.ts";

class Named extends Exchange {
  readonly name: number;
  constructor(name: number) {
    super();
    this.name = name;
  }
  override onResponse(): void {}
  override onFailure(): void {}
}

function visited(list: InFlightList, meanwhile: (one: Named) => void = () => {}): number[] {
  const names: number[] = [];
  list.visitEach((exchange) => {
    names.push((exchange as Named).name);
    meanwhile(exchange as Named);
  });
  return names;
}

describe("the exchanges in flight", () => {
  test("are visited in the order they came, like the members of a Set", () => {
    const change = fc.record({ comes: fc.boolean(), which: fc.nat(7) });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 60 }), (changes) => {
        const all = Array.from({ length: 8 }, (_, name) => new Named(name));
        const list = new InFlightList();
        const model = new Set<Named>();
        for (const { comes, which } of changes) {
          const one = all[which]!;
          if (comes && !model.has(one)) {
            list.add(one);
            model.add(one);
          } else if (!comes && model.delete(one)) {
            list.remove(one);
          }
          expect(list.size).toBe(model.size);
          expect(visited(list)).toEqual([...model].map(({ name }) => name));
        }
      }),
    );
  });

  test("may go while they are visited, any of them, unvisited then; and others may come", () => {
    const deed = fc.record({ at: fc.nat(5), goes: fc.nat(5) });
    fc.assert(
      fc.property(fc.uniqueArray(deed, { selector: ({ goes }) => goes }), (deeds) => {
        const all = Array.from({ length: 6 }, (_, name) => new Named(name));
        const list = new InFlightList();
        for (const one of all) list.add(one);
        const gone = new Set<number>();
        const names = visited(list, ({ name }) => {
          expect(gone.has(name)).toBe(false);
          if (name >= 6) return;
          for (const { goes } of deeds.filter(({ at }) => at === name)) {
            gone.add(goes);
            list.remove(all[goes]!);
          }
          list.add(new Named(6 + name));
        });
        const stayed = all.map(({ name }) => name).filter((name) => !gone.has(name));
        const ofThoseThere = names.filter((name) => name < 6);
        expect(ofThoseThere).toEqual([...ofThoseThere].sort());
        expect(ofThoseThere).toEqual(expect.arrayContaining(stayed));
        expect(new Set(ofThoseThere).size).toBe(ofThoseThere.length);
        expect(list.size).toBe(stayed.length + ofThoseThere.length);
      }),
    );
  });
});
