import { describe, expect, test } from "bun:test";
import { parseArguments } from "../../src/cli/arguments.ts";
import { query } from "../../src/cli/query/query.ts";
import { readQuestion } from "../../src/cli/query/question.ts";
import { UsageError } from "../../src/config/config.ts";

/** Reads a command line. */
const read = (line: string) => readQuestion(parseArguments(query.options, line.split(" ")));

/** A question as text: name, type in hexadecimal, class. */
const shown = (line: string) => {
  const { name, type, octets, dnssecOk, checkingDisabled } = read(line).question;
  const [high = 0, low = 0] = octets.slice(-4, -2);
  return [name, type, high * 256 + low, dnssecOk, checkingDisabled, octets.at(-1)];
};

describe("what is asked", () => {
  test.each([
    ["a.test", ["a.test", "A", 1, false, false, 1]],
    ["a.test mx", ["a.test", "MX", 15, false, false, 1]],
    ["a.test TYPE65280 --do", ["a.test", "TYPE65280", 65280, true, false, 1]],
    ["--cd a.test type28", ["a.test", "AAAA", 28, false, true, 1]],
    ["-x 192.0.2.1", ["1.2.0.192.in-addr.arpa.", "PTR", 12, false, false, 1]],
    ["--reverse=::1 NS", [`1.${"0.".repeat(31)}ip6.arpa.`, "NS", 2, false, false, 1]],
    [". NS +dnssec +cd", [".", "NS", 2, true, true, 1]],
  ] as const)("%s", (line, wanted) => expect(shown(line)).toEqual([...wanted]));

  test("dig's words are switches, and @ADDRESS is an upstream", () => {
    const { values } = read("@9.9.9.9 --upstream 1.1.1.1 a.test +short @tls://dns.google");
    expect(values.get("upstream")).toEqual(["1.1.1.1", "9.9.9.9", "tls://dns.google"]);
    expect(values.has("short")).toBe(true);
  });
});

describe("what cannot be asked is one line that says what is allowed", () => {
  test.each([
    ["--short", "no name is given"],
    ["a..test", '"a..test" is not a name: it has an empty label'],
    ["a.test BOGUS", '"BOGUS" is not a type; '],
    ["a.test HTPS", "did you mean HTTPS?"],
    ["a.test AXFR", "transfers and OPT are not allowed"],
    ["a.test OPT", "transfers and OPT are not allowed"],
    ["a.test A IN", '"IN" is one word too many'],
    ["-x 192.0.2", '-x "192.0.2" is not an address'],
    ["-x 192.0.2.1 a.test A", '"A" is one word too many'],
    ["a.test +trace", '"+trace" is dig\'s; of its words +short'],
    ["a.test --short --json", "--short and --json"],
    ["a.test --no-such", "unknown flag --no-such"],
    ["a.test -x", "-x needs ADDRESS"],
  ])("%s", (line, message) => {
    expect(() => read(line)).toThrow(UsageError);
    expect(() => read(line)).toThrow(message);
  });
});
