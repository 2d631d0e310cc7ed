import { describe, expect, test } from "bun:test";
import { fold, sameQuestion, skipName } from "../../src/wire/name.ts";
import { nameOf, question } from "../support/fake-messages.ts";

const same = (a: number[], b: number[]) =>
  a.length === b.length && sameQuestion(Uint8Array.from([9, ...a]), 1, Uint8Array.from(b), 0, a.length);

test("a name ends within its message, also where the octets go on behind it", () => {
  const octets = Uint8Array.from([...new Array(12).fill(0), 1, 0x61, 0xc0, 12, 0, 0]);
  const behind = [13, 14, 15, 16, 17].map((end) => skipName(octets, 14, end, 0));
  expect(behind).toEqual([-1, -1, -1, 16, 16]);
  expect([12, 13, 14, 15, 16].map((end) => skipName(octets, 12, end, 0))).toEqual([-1, -1, -1, -1, 16]);
});

describe("the same question", () => {
  test("whatever the case of its letters", () => {
    expect(same(question("www.example"), question("wWw.EXAMPLE"))).toBe(true);
  });
  test("but not with other octets, 32 apart or not", () => {
    expect(same(question("@a"), question("`a"))).toBe(false);
    expect(same(question("[a"), question("{a"))).toBe(false);
    expect(same(question("a\xc1"), question("a\xe1"))).toBe(false);
    expect(same(question("ab"), question("ac"))).toBe(false);
  });
  test("but not with dots inside labels", () => {
    expect(same(question("a.b"), question(nameOf([[0x61, 0x2e, 0x62]])))).toBe(false);
  });
  test("type and class are numbers, not letters", () => {
    expect(same(question("a", 65), question("a", 97))).toBe(false);
    expect(same(question("a", 0x4100), question("a", 0x6100))).toBe(false);
    expect(same(question("a", 1, 65), question("a", 1, 97))).toBe(false);
    expect(same(question("a", 1, 0x4100), question("a", 1, 0x6100))).toBe(false);
  });
  test("label lengths are never folded", () => {
    for (let octet = 0; octet <= 63; octet++) expect(fold(octet)).toBe(octet);
  });
});
