import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/config/config.ts";
import { formatAddressPrefix, parseAddressPrefix } from "../../src/config/syntax/address-prefix.ts";
import { parseHostName } from "../../src/config/syntax/host-and-port.ts";
import { formatListenAddress, parseListenAddress } from "../../src/config/syntax/listen-address.ts";
import { formatIpAddress } from "../../src/wire/ip-address.ts";
import { nearSyntax } from "./near-syntax.ts";

const address = fc
  .oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(formatIpAddress);

function onlyUsageErrors(parse: (text: string) => unknown): void {
  fc.assert(
    fc.property(nearSyntax, (text) => {
      try {
        parse(text);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
  );
}

describe("listen addresses", () => {
  test("each form", () => {
    const forms: Record<string, { host: string; port: number }> = {
      ":53": { host: "*", port: 53 },
      ":0": { host: "*", port: 0 },
      "127.0.0.1:5353": { host: "127.0.0.1", port: 5353 },
      "127.0.0.1": { host: "127.0.0.1", port: 53 },
      "[::1]:53": { host: "::1", port: 53 },
      "[::1]": { host: "::1", port: 53 },
      "::1": { host: "::1", port: 53 },
      "0.0.0.0:53": { host: "0.0.0.0", port: 53 },
      "[0:0::0]:53": { host: "::", port: 53 },
      "fe80::1%eth0": { host: "fe80::1%eth0", port: 53 },
      "[fe80::1%eth0.7]:54": { host: "fe80::1%eth0.7", port: 54 },
    };
    for (const [text, form] of Object.entries(forms)) {
      expect([text, parseListenAddress(text)]).toEqual([text, { ...form, optional: false }]);
    }
  });

  test.each([
    ["53", "write :53"],
    ["", "write :53"],
    ["localhost:53", "write :53"],
    ["[127.0.0.1]:53", "write :53"],
    ["127.0.0.1:", "0 to 65535"],
    [":65536", "0 to 65535"],
    ["127.0.0.1:+53", "0 to 65535"],
    ["fe80::1", "[fe80::1%eth0]:53"],
    ["[::1%eth0]:53", "fe80::/10"],
    ["fe80::1%", "1 to 15"],
    ["fe80::1%a b", "1 to 15"],
  ])("%p is refused and told what is allowed", (text, allowed) => {
    expect(() => parseListenAddress(text)).toThrow(UsageError);
    expect(() => parseListenAddress(text)).toThrow(allowed);
    expect(() => parseListenAddress(text)).toThrow(`"${text}"`);
  });

  test("an address that was written is read back, and garbage is a UsageError", () => {
    fc.assert(
      fc.property(address, fc.nat(65_535), (host, port) => {
        fc.pre(!/^fe[89ab]/.test(host) || !host.includes(":"));
        expect(parseListenAddress(formatListenAddress({ host, port }))).toEqual({ host, port, optional: false });
      }),
    );
    onlyUsageErrors(parseListenAddress);
  });
});

describe("address prefixes", () => {
  test("a bare address is a full-length prefix; a mapped one is IPv4", () => {
    expect(parseAddressPrefix("192.0.2.1")).toEqual({ octets: Uint8Array.of(192, 0, 2, 1), bits: 32 });
    expect(parseAddressPrefix("2001:db8::/32").bits).toBe(32);
    expect(parseAddressPrefix("::/0").bits).toBe(0);
    expect(parseAddressPrefix("::ffff:192.0.2.0/120")).toEqual({ octets: Uint8Array.of(192, 0, 2, 0), bits: 24 });
    expect(parseAddressPrefix("::/90").octets).toHaveLength(16);
  });

  test("bits past the length are refused, naming the network meant", () => {
    expect(() => parseAddressPrefix("10.1.2.3/8")).toThrow("10.0.0.0/8");
    expect(() => parseAddressPrefix("10.1.2.3/31")).toThrow("10.1.2.2/31");
    expect(() => parseAddressPrefix("2001:db8::1/32")).toThrow("2001:db8::/32");
  });

  test.each([
    "10.0.0.0/33",
    "::/129",
    "10.0.0.0/",
    "10.0.0.0/08",
    "10.0.0.0/-1",
    "10.0.0/8",
    "/8",
    "x/8",
    "10.0.0.0/8/8",
  ])("%p is refused", (text) => expect(() => parseAddressPrefix(text)).toThrow(UsageError));

  test("round trip, and garbage is a UsageError", () => {
    fc.assert(
      fc.property(address, fc.nat(128), (text, bits) => {
        const short = `${text}/${bits}`;
        let prefix: ReturnType<typeof parseAddressPrefix>;
        try {
          prefix = parseAddressPrefix(short);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          const meant = / network write (\S+),/.exec((error as Error).message)?.[1];
          if (meant === undefined) return;
          prefix = parseAddressPrefix(meant);
        }
        expect(parseAddressPrefix(formatAddressPrefix(prefix))).toEqual(prefix);
      }),
    );
    onlyUsageErrors(parseAddressPrefix);
  });
});

test("host names: case, the dot at the end, the limits, and what looks like an address", () => {
  expect(parseHostName("DNS.Google.")).toBe("dns.google");
  expect(parseHostName(`${"a".repeat(63)}.test`)).toBeDefined();
  const long = Array(4).fill("a".repeat(62)).join(".");
  expect(parseHostName(`${long}.b`)).toBe(`${long}.b`);
  for (const wrong of [
    `${long}.bc`,
    `${"a".repeat(64)}.test`,
    "",
    ".",
    "a..b",
    "a.b..",
    "-a.b",
    "a-.b",
    "a_b.c",
    "bücher.de",
    "127.1",
    "0x7f.0x1",
    "1.2.3.256",
    "a b",
  ]) {
    expect([wrong, parseHostName(wrong)]).toEqual([wrong, undefined]);
  }
});
