import { describe, expect, test } from "bun:test";
import { fold, parentAt, readName, sameName, sameQuestion, skipName } from "../../src/wire/name.ts";
import { name, nameOf, nameOfOctets, question } from "../support/fake-messages.ts";

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

describe("a name read", () => {
  const START = 5;
  /** The name at `at` of the message whose octets behind the header are these, as text; undefined if it is malformed. */
  function read(behindHeader: readonly number[], at: number, room = 255, cut = 0): number[] | undefined {
    const octets = Uint8Array.from([...new Array(START + 12).fill(0xff), ...behindHeader, 0xff]);
    const into = new Uint8Array(3 + room + 3).fill(0xa5);
    const length = readName(octets, START + at, octets.length - 1 - cut, START, into.subarray(0, 3 + room), 3);
    expect(length).toBeLessThanOrEqual(room);
    expect([...into.subarray(0, 3), ...into.subarray(3 + room)].every((octet) => octet === 0xa5)).toBe(true);
    return length < 0 ? undefined : [...into.subarray(3, 3 + length)];
  }
  const test1 = name("a.test");
  const behind = 12 + test1.length;

  test("has its pointers followed (RFC 1035, 4.1.4), and its case kept", () => {
    expect(read(name("A.test"), 12)).toEqual(name("A.test"));
    expect(read([...test1, 1, 0x58, 0xc0, 14, 0xc0, behind], behind)).toEqual(name("X.test"));
    expect(read([...test1, 1, 0x58, 0xc0, 14, 0xc0, behind], behind + 4)).toEqual(name("X.test"));
    expect(read([0], 12)).toEqual([0]);
    expect(read([0, 0xc0, 12], 13)).toEqual([0]);
  });
  test("has labels of any octets", () => {
    expect(read(nameOf([[0x2e, 0, 0xc0, 0xff]]), 12)).toEqual(nameOf([[0x2e, 0, 0xc0, 0xff]]));
  });
  test.each([
    ["points forward", [0xc0, 14, 0], 12],
    ["points at itself", [0xc0, 12], 12],
    ["points into the header", [0, 0xc0, 11], 13],
    ["points at its own labels", [1, 0x61, 0xc0, 12], 12],
    ["points back at labels that lead to it again", [1, 0x61, 0xc0, 12, 0xc0, 12], 16],
    ["has half a pointer", [0, 0xc0], 13],
    ["has a label of 64", [64, ...new Array(64).fill(0x61), 0], 12],
    ["has no end", [1, 0x61], 12],
    ["has a label cut off", [5, 0x61], 12],
  ])("but not if it %s", (_what, octets, at) => expect(read(octets, at)).toBeUndefined());

  test("is not longer than 255 octets, however it is made", () => {
    const longest = nameOfOctets(255);
    expect(read(longest, 12)).toEqual(longest);
    expect(read([...longest, 1, 0x61, 0xc0, 12], 12 + 255)).toBeUndefined();
    expect(read([...nameOfOctets(254), 1, 0x61, 0xc0, 12], 12 + 254)).toBeUndefined();
    expect(read([...nameOfOctets(253), 1, 0x61, 0xc0, 12], 12 + 253)).toHaveLength(255);
  });
  test("is not longer than the room, and ends before the end", () => {
    for (let room = 0; room < 8; room++) expect(read(test1, 12, room)).toBeUndefined();
    expect(read(test1, 12, 8)).toEqual(test1);
    for (let cut = 1; cut <= 8; cut++) expect(read(test1, 12, 255, cut)).toBeUndefined();
  });
});

test("a name's parents, longest first, without the root", () => {
  const octets = Uint8Array.from(question("www.a.test"));
  expect([0, 4, 6].map((at) => parentAt(octets, at))).toEqual([4, 6, -1]);
  for (const type of [1, 0x0101]) expect(parentAt(Uint8Array.from(question("", type)), 0)).toBe(-1);
});

test("the same name, whatever the case of its letters", () => {
  const [a, b] = [Uint8Array.from([9, ...name("wWw.Test")]), Uint8Array.from(name("www.tesT"))];
  expect(sameName(a, 1, b, 0, b.length)).toBe(true);
  expect(sameName(a, 1, Uint8Array.from(name("www.tess")), 0, b.length)).toBe(false);
});
