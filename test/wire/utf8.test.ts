import { expect, test } from "bun:test";
import fc from "fast-check";
import { isUtf8 } from "../../src/wire/utf8.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
function isDecoded(octets: Uint8Array): boolean {
  try {
    decoder.decode(octets);
    return true;
  } catch {
    return false;
  }
}

test("as the runtime's decoder has it, for octets that matter", () => {
  const octet = fc.oneof(
    fc.constantFrom(0, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xdf),
    fc.constantFrom(0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff),
  );
  let sound = 0;
  fc.assert(
    fc.property(fc.array(octet, { maxLength: 6 }), (octets) => {
      const around = Uint8Array.of(0x80, ...octets, 0x80);
      const expected = isDecoded(Uint8Array.from(octets));
      if (expected) sound++;
      expect(isUtf8(around, 1, 1 + octets.length)).toBe(expected);
    }),
    { seed: 20_261_133, numRuns: 5000 },
  );
  expect(sound).toBeGreaterThan(500);
});
