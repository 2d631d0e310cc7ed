import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { interfacesOf } from "../../src/runtime/host/interfaces.ts";

const FIB_TRIE = `Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 192.0.2.0/24 2 0 2
        |-- 192.0.2.0
           /24 link UNICAST
        |-- 192.0.2.7
           /32 host LOCAL
        |-- 192.0.2.255
           /32 link BROADCAST
Local:
     |-- 127.0.0.1
        /32 host LOCAL
        |-- 192.0.2.7
           /32 host LOCAL
`;

const IF_INET6 = `fe8000000000000000fc00fffe000001 0c 40 20 80     eth0
20010db8000000000000000000000007 0c 40 00 82     eth0
00000000000000000000000000000001 01 80 10 80       lo
`;

describe("addresses from /proc", () => {
  test("each once, those of IPv6 with their interface and the scope of a link-local one", () => {
    expect(interfacesOf(FIB_TRIE, IF_INET6)).toEqual({
      "": [
        { address: "192.0.2.7", family: "IPv4", internal: false },
        { address: "127.0.0.1", family: "IPv4", internal: true },
      ],
      eth0: [
        { address: "fe80::fc:ff:fe00:1", family: "IPv6", internal: false, scopeid: 12 },
        { address: "2001:db8::7", family: "IPv6", internal: false, scopeid: 0 },
      ],
      lo: [{ address: "::1", family: "IPv6", internal: true, scopeid: 0 }],
    } as never);
  });

  test("none from what is empty or something else", () => {
    expect(interfacesOf("", "")).toEqual({});
    expect(interfacesOf("|-- x\n", "fe80 0c 40 20 80 eth0\n\n")).toEqual({});
  });

  test("the same as the kernel lists, on this host", () => {
    const texts = ["/proc/net/fib_trie", "/proc/net/if_inet6"].map((path) => {
      try {
        return readFileSync(path, "latin1");
      } catch {
        return ""; // a kernel without IPv6
      }
    }) as [string, string];
    const addresses = (all: ReturnType<typeof networkInterfaces>) =>
      Object.values(all)
        .flatMap((list) => list ?? [])
        .map(({ address, internal }) => `${address} ${internal}`)
        .sort();
    expect(addresses(interfacesOf(...texts))).toEqual(addresses(networkInterfaces()));
  });
});
