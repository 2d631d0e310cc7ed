import { expect, test } from "bun:test";
import fc from "fast-check";
import { bounded, quoted } from "../../src/observe/quoted.ts";
import { errorCode, systemErrorText } from "../../src/observe/system-error.ts";

test("a value is shown as it is, in quotes", () => {
  expect(quoted("1.1.1.1#dns.test")).toBe('"1.1.1.1#dns.test"');
  expect(bounded("--listne")).toBe("--listne");
});

test("a long one is cut, with its true length; what a terminal obeys is escaped", () => {
  expect(quoted("é".repeat(50_000))).toBe(`"${"é".repeat(256)}…" (100000 octets)`);
  expect(quoted("a\u001b[2J\n")).toBe('"a\\x1b[2J\\x0a"');
});

test("one line of bounded length whatever comes in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 2000 }), (value) => {
      const shown = quoted(value);
      expect(shown.length).toBeLessThan(256 * 6 + 30);
      expect(shown).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
    }),
  );
});

test.each([
  ["ENOENT", "ENOENT: no such file or directory, open '/nope'", "there is no such file"],
  ["EADDRNOTAVAIL", "connect EADDRNOTAVAIL 2606:4700::1111:853", "this host has no such address"],
  ["EADDRINUSE", "Failed to start server. Is port 9153 in use?", "the address is in use"],
  ["EUNATCH", "EUNATCH: protocol driver not attached, read", "protocol driver not attached (EUNATCH)"],
  ["ERR_SOCKET_DGRAM", "Not running\n at x", "Not running (ERR_SOCKET_DGRAM)"],
])("%s in words: the code once or not at all, and no argument of the call", (code, message, words) => {
  expect(systemErrorText(Object.assign(new Error(message), { code }))).toBe(words);
});

test("words of the place come first, and what is no error of the system keeps its own", () => {
  const missing = Object.assign(new Error("ENOENT: no such file or directory, open 'x'"), { code: "ENOENT" });
  expect(systemErrorText(missing, { ENOENT: "there is no such folder" })).toBe("there is no such folder");
  expect(systemErrorText(new Error("it holds no certificate"))).toBe("it holds no certificate");
  expect(systemErrorText("x".repeat(1000))).toEndWith("… (1000 octets)");
  expect(errorCode(Object.assign(new Error("Requires read access"), { name: "NotCapable" }))).toBe("ENOTCAPABLE");
});
