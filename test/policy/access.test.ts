import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { AddressPrefix } from "../../src/config/config.ts";
import { AccessList, LOCAL_PREFIXES } from "../../src/policy/access.ts";
import { PEER_OCTETS } from "../../src/runtime/runtime.ts";
import { writeSockaddr } from "../../src/runtime/sockaddr.ts";
import { parseIpAddress } from "../../src/wire/ip-address.ts";

/** Asks for a peer that stands among others. */
function allows(list: AccessList, address: Uint8Array): boolean {
  const peers = new Uint8Array(3 * PEER_OCTETS).fill(0x7f);
  writeSockaddr(peers, PEER_OCTETS, address, 53, 0);
  return list.allows(peers, PEER_OCTETS);
}

const local = new AccessList(LOCAL_PREFIXES);
const may = (text: string) => allows(local, parseIpAddress(text)!);

describe("who may ask unless told otherwise: the ends of each prefix, and their neighbours", () => {
  test.each([
    ["127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"],
    ["10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"],
    ["172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"],
    ["192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"],
    ["169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"],
    ["100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"],
    ["::1", "::1", "::", "::2"],
    ["fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe7f:ffff::", "fec0::"],
    ["fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fbff:ffff::", "fe00::"],
    ["::ffff:10.0.0.0", "::ffff:10.255.255.255", "::ffff:9.255.255.255", "::ffff:11.0.0.0"],
  ])("%s to %s, but not %s and %s", (first, last, before, behind) => {
    expect([first, last, before, behind].map(may)).toEqual([true, true, false, false]);
  });

  test.each([
    "0.0.0.0",
    "8.8.8.8",
    "255.255.255.255",
    "2001:db8::1",
    "::127.0.0.1",
    "::fffe:10.0.0.1",
    "64:ff9b::a00:1",
  ])("not %s", (text) => expect(may(text)).toBe(false));
});

test("any list answers as a list of numbers would", () => {
  const octets = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.uint8Array({ minLength: 16, maxLength: 16 }),
    fc
      .uint8Array({ minLength: 4, maxLength: 4 })
      .map((v4) => Uint8Array.of(...new Array(10).fill(0), 0xff, 0xff, ...v4)),
  );
  const prefix = octets.chain((of) => fc.record({ octets: fc.constant(of), bits: fc.nat(of.length * 8) }));
  fc.assert(
    fc.property(fc.array(prefix, { maxLength: 5 }), octets, fc.nat(128), fc.boolean(), (prefixes, any, flip, near) => {
      // Near a prefix: one of its own with one bit changed.
      const from = prefixes[0]?.octets ?? any;
      const client = near ? withBit(from, flip % (from.length * 8)) : any;
      expect(allows(new AccessList(prefixes), client)).toBe(prefixes.some((one) => isWithin(one, client)));
    }),
    { seed: 17, numRuns: 3000 },
  );
});

function withBit(octets: Uint8Array, bit: number): Uint8Array {
  return octets.map((octet, i) => (i === bit >> 3 ? octet ^ (0x80 >> (bit & 7)) : octet));
}

function bitsOf(octets: Uint8Array): string {
  return [...octets].map((octet) => octet.toString(2).padStart(8, "0")).join("");
}

const MAPPED = bitsOf(Uint8Array.of(...new Array(10).fill(0), 0xff, 0xff));

/** An IPv4-mapped client counts as the IPv4 client it is, and as nothing else. */
function isWithin({ octets, bits }: AddressPrefix, client: Uint8Array): boolean {
  const text = bitsOf(client);
  const meant = client.length === 16 && text.startsWith(MAPPED) ? text.slice(96) : text;
  return meant.length === octets.length * 8 && meant.startsWith(bitsOf(octets).slice(0, bits));
}
