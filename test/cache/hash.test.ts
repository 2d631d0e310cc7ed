import { expect, test } from "bun:test";
import fc from "fast-check";
import { questionHash } from "../../src/cache/store/hash.ts";
import { question } from "../support/fake-messages.ts";
import { numbersFrom } from "../support/fake-random.ts";
import { questionOf } from "./stored-answers.ts";

const hashOf = (octets: readonly number[] | Uint8Array, seedA = 1, seedB = 2) =>
  questionHash(seedA, seedB, Uint8Array.from(octets), 0, octets.length);

test("the case of ASCII letters in the name does not count; everything else does", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const label = fc.array(octet, { minLength: 1, maxLength: 63 });
  const property = fc.property(label, octet, fc.nat(), (label, type, at) => {
    const asked = (of: readonly number[]) => [of.length, ...of, 0, 0, type, 0, 1];
    const lower = label.map((octet) => (octet >= 0x41 && octet <= 0x5a ? octet + 32 : octet));
    expect(hashOf(asked(label))).toBe(hashOf(asked(lower)));
    const other = lower.with(at % lower.length, lower[at % lower.length]! ^ 0x80);
    expect(hashOf(asked(other))).not.toBe(hashOf(asked(lower)));
  });
  fc.assert(property, { seed: 5, numRuns: 2000 });
});

test("type, class, length and both seeds count, and where it stands does not", () => {
  const name = "example.test";
  const hashes = [
    hashOf(question(name, 65)),
    hashOf(question(name, 97)),
    hashOf(question(name, 65, 3)),
    hashOf(question("example.tes", 65)),
    hashOf(question(name, 65), 3, 2),
    hashOf(question(name, 65), 1, 3),
    ...["", "a", "ab", "abc", "abcd", "abcde"].map((name) => hashOf(question(name))),
  ];
  expect(new Set(hashes).size).toBe(hashes.length);
  for (const hash of hashes) expect(hash === hash >>> 0).toBe(true);
  const asked = question(name, 65);
  for (let at = 0; at < 9; at++) {
    const packet = Uint8Array.from([...Array(at).fill(7), ...asked, 8, 9]);
    expect(questionHash(1, 2, packet, at, asked.length)).toBe(hashOf(asked));
  }
});

test("names that differ in a digit are spread evenly, whatever the seed", () => {
  const next = numbersFrom(1);
  for (let round = 0; round < 4; round++) {
    const [seedA, seedB] = [next() | 1, next() | 1];
    const counts = new Uint32Array(1024);
    for (let key = 0; key < 102_400; key++) counts[hashOf(questionOf(key), seedA, seedB) & 1023]!++;
    // 100 each on average; the standard deviation is 10.
    expect(Math.max(...counts)).toBeLessThan(160);
    expect(Math.min(...counts)).toBeGreaterThan(50);
  }
});
