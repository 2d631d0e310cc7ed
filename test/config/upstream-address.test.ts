import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { UsageError } from "../../src/config/config.ts";
import { defaultUpstreamNames, knownByAddress, knownByName, knownResolvers } from "../../src/config/known-resolvers.ts";
import { parseHostName } from "../../src/config/syntax/host-and-port.ts";
import { parseUpstreamAddress } from "../../src/config/syntax/upstream-address.ts";
import { formatIpAddress, parseIpAddress } from "../../src/wire/ip-address.ts";
import { nearSyntax } from "./near-syntax.ts";

const pinText = Buffer.from(Uint8Array.from({ length: 32 }, (_, i) => i * 7)).toString("base64");

describe("what is understood", () => {
  test("a bare address in the table is authenticated by its name", () => {
    expect(parseUpstreamAddress("1.1.1.1")).toEqual({
      text: "1.1.1.1",
      addresses: ["1.1.1.1"],
      hostName: undefined,
      port: 853,
      adn: "cloudflare-dns.com",
      spkiPins: [],
    });
    for (const text of ["2620:fe::fe", "[2620:FE:0::00fe]", "[2620:fe::fe]:853"]) {
      expect(parseUpstreamAddress(text)).toMatchObject({ addresses: ["2620:fe::fe"], adn: "dns.quad9.net", port: 853 });
    }
    expect(parseUpstreamAddress("::ffff:8.8.8.8")).toMatchObject({ addresses: ["8.8.8.8"], adn: "dns.google" });
  });

  test("any other address is authenticated by itself", () => {
    expect(parseUpstreamAddress("192.0.2.1:8853")).toMatchObject({
      addresses: ["192.0.2.1"],
      adn: undefined,
      port: 8853,
    });
  });

  test("the name after # wins", () => {
    expect(parseUpstreamAddress("9.9.9.9:853#Dns.Example.Net.")).toMatchObject({ adn: "dns.example.net", port: 853 });
    expect(parseUpstreamAddress("dns.google#a.test")).toMatchObject({ adn: "a.test", hostName: undefined });
    expect(parseUpstreamAddress("x.test#a.test")).toMatchObject({ adn: "a.test", hostName: "x.test", addresses: [] });
  });

  test("a known name has its addresses at once, any other is to be resolved", () => {
    expect(parseUpstreamAddress("tls://DNS.google.")).toMatchObject({
      addresses: ["8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"],
      hostName: undefined,
      adn: "dns.google",
    });
    expect(parseUpstreamAddress("abc123.dns.nextdns.io")).toMatchObject({
      adn: "abc123.dns.nextdns.io",
      hostName: undefined,
    });
    expect(parseUpstreamAddress("a.b.dns.nextdns.io").hostName).toBe("a.b.dns.nextdns.io");
    expect(parseUpstreamAddress("TLS://dot.example.net:854")).toMatchObject({
      addresses: [],
      hostName: "dot.example.net",
      adn: "dot.example.net",
      port: 854,
    });
  });

  test("pins, one or several", () => {
    const { spkiPins } = parseUpstreamAddress(`192.0.2.1#a.test?pin=sha256/${pinText}&pin=sha256/${pinText}`);
    expect(spkiPins.map((pin) => Buffer.from(pin).toString("base64"))).toEqual([pinText, pinText]);
  });
});

test.each([
  ["https://dns.google/dns-query", "DNS over TLS"],
  ["udp://1.1.1.1", "DNS over TLS"],
  ["quic://dns.adguard-dns.com", "DNS over TLS"],
  ["", "no host"],
  ["#dns.google", "no host"],
  ["tls://", "no host"],
  ["1.1.1.1:0", "1 to 65535"],
  ["1.1.1.1:65536", "1 to 65535"],
  ["1.1.1.1:", "1 to 65535"],
  ["[2620:fe::fe]853", "neither"],
  ["[1.1.1.1]:853", "neither"],
  ["1.1.1", "neither"],
  ["999.1.1.1", "neither"],
  ["dns.google/", "neither"],
  ["fe80::1%eth0", "neither"],
  ["1.1.1.1#", "after #"],
  ["1.1.1.1#1.1.1.1", "after #"],
  ["1.1.1.1#a_b.test", "after #"],
  ["1.1.1.1?", "after ?"],
  ["1.1.1.1?pin=sha256/", "after ?"],
  [`1.1.1.1?pin=sha1/${pinText}`, "after ?"],
  [`1.1.1.1?pin=sha256/${pinText}&`, "after ?"],
  [`1.1.1.1?pin=sha256/${pinText}#a.test`, "after ?"],
  [`1.1.1.1?pin=sha256/${pinText.slice(4)}`, "after ?"],
  [`1.1.1.1?pin=sha256/${pinText.replace(/.=$/, "B=")}`, "after ?"],
  ["0.0.0.0", "one host"],
  ["::", "one host"],
  ["224.0.0.1", "one host"],
  ["[ff02::1]:853", "one host"],
])("%p is refused and told what is allowed", (text, allowed) => {
  expect(() => parseUpstreamAddress(text)).toThrow(UsageError);
  expect(() => parseUpstreamAddress(text)).toThrow(allowed);
  expect(() => parseUpstreamAddress(text)).toThrow(`"${text}"`);
});

test("whatever parts it is put together from, they are read back", () => {
  const label = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const pin = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const parts = fc.record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), name),
    port: fc.option(fc.integer({ min: 1, max: 65_535 })),
    adn: fc.option(name),
    pins: fc.array(pin, { maxLength: 3 }),
  });
  fc.assert(
    fc.property(parts, ({ host, port, adn, pins }) => {
      const pinned = pins.map((octets) => `pin=sha256/${Buffer.from(octets).toString("base64")}`).join("&");
      const text =
        (host.includes(":") ? `[${host}]` : host) +
        (port === null ? "" : `:${port}`) +
        (adn === null ? "" : `#${adn}`) +
        (pins.length === 0 ? "" : `?${pinned}`);
      try {
        const parsed = parseUpstreamAddress(text);
        expect(parsed.port).toBe(port ?? 853);
        expect(parsed.spkiPins).toEqual(pins);
        if (adn !== null) expect(parsed.adn).toBe(adn);
        expect(parsed.addresses.length > 0).toBe(parsed.hostName === undefined);
      } catch (error) {
        expect((error as Error).message).toContain("one host");
      }
    }),
  );
});

test("garbage is a UsageError", () => {
  fc.assert(
    fc.property(nearSyntax, (text) => {
      try {
        parseUpstreamAddress(text);
      } catch (error) {
        expect(error).toBeInstanceOf(UsageError);
      }
    }),
  );
});

describe("the table of known resolvers", () => {
  test("every address is in its one spelling and in one entry, every name is a host name", () => {
    const addresses = knownResolvers.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]);
    for (const address of addresses) expect(formatIpAddress(parseIpAddress(address)!)).toBe(address);
    expect(new Set(addresses).size).toBe(addresses.length);
    const names = knownResolvers.flatMap((known) => known.names);
    for (const name of names) expect(parseHostName(name)).toBe(name);
    expect(new Set(names).size).toBe(names.length);
    for (const known of knownResolvers) {
      expect(known.ipv4.every((address) => !address.includes(":"))).toBe(true);
      expect(known.ipv6.every((address) => address.includes(":"))).toBe(true);
    }
  });

  test("the default is two operators that validate and do not filter, over both families", () => {
    const pair = defaultUpstreamNames.map((name) => knownByName(name)!);
    expect(new Set(pair).size).toBe(2);
    for (const known of pair) {
      expect(known).toMatchObject({ validates: true, filters: false });
      expect(known.ipv4.length * known.ipv6.length).toBeGreaterThan(0);
    }
  });

  test("an address is found in any spelling", () => {
    expect(knownByAddress("2606:4700:4700:0:0:0:0:1111")?.names[0]).toBe("cloudflare-dns.com");
    expect(knownByAddress("192.0.2.1")).toBeUndefined();
    expect(knownByAddress("nonsense")).toBeUndefined();
  });
});
