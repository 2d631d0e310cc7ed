import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type LogFields, openLog } from "../../src/observe/log.ts";
import { cutText } from "../../src/observe/log-line.ts";

const LINE_OCTETS = 512;
const octetsOf = (text: string) => new TextEncoder().encode(text).length;

function lineOf(format: "json" | "pretty", message: string, fields: LogFields): string {
  let line = "";
  const write = (text: string) => {
    line = text;
  };
  const options = { format, level: "info", isTerminal: true, hasColour: true, lineOctets: LINE_OCTETS } as const;
  openLog({ ...options, write, wallMs: () => 0 }).info(message, fields);
  return line;
}

/** Of characters that are escaped, of several octets, halves of pairs: all that can be cut wrongly. */
const character = fc.constantFrom("a", '"', "\\", "\u0000", "\u202e", "é", "→", "😀", "\ud83d", "\ude00", " ", "\n");
const text = fc.array(character, { maxLength: 2000 }).map((characters) => characters.join(""));
const fields = fc.dictionary(
  fc.constantFrom("upstream", "code", "names", "since", "level"),
  fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(undefined)),
);

describe.each(["json", "pretty"] as const)("%s", (format) => {
  test("no line is longer than the bound, whatever comes in", () => {
    fc.assert(
      fc.property(text, fields, (message, more) => {
        const line = lineOf(format, message, more);
        expect(octetsOf(line)).toBeLessThanOrEqual(LINE_OCTETS);
        expect(line.indexOf("\n")).toBe(line.length - 1);
      }),
    );
  });

  test("a long text is cut with its length told, short ones stay", () => {
    const line = lineOf(format, "upstream x: refused", { names: "DNS:é,".repeat(5000), code: "tls", count: 3 });
    expect(line).toContain("upstream x: refused");
    expect(line).toContain("… (35000 octets)");
    expect(line).toContain("tls");
    expect(line).toContain("3");
    expect(octetsOf(line)).toBeGreaterThan(LINE_OCTETS - 10);
  });
});

test("a cut JSON line is JSON, and its texts begin as they did", () => {
  fc.assert(
    fc.property(text, fields, (message, more) => {
      const read = JSON.parse(lineOf("json", message, more));
      for (const [was, is] of [
        [message, read.message],
        ...Object.entries(more).map(([name]) => [more[name], read[name]]),
      ]) {
        if (typeof was !== "string" || typeof is !== "string" || is === "info") continue;
        const [begin, octets] = is.split(/… \((\d+) octets\)$/);
        expect(was).toStartWith(begin!);
        if (octets !== undefined) expect(Number(octets)).toBe(octetsOf(was));
        else expect(is).toBe(was);
      }
    }),
  );
});

test("more fields than fit leave the message", () => {
  const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`field${i}`, i]));
  expect(JSON.parse(lineOf("json", "what happened", many))).toEqual({
    time: "1970-01-01T00:00:00.000Z",
    level: "info",
    message: "what happened",
  });
});

test("a text is cut between characters", () => {
  expect(cutText("short", 5)).toBe("short");
  expect(cutText("😀".repeat(10), 26)).toBe("😀😀… (40 octets)");
  expect(cutText("😀".repeat(10), 0)).toBe("… (40 octets)");
});
