import { describe, expect, test } from "bun:test";
import { hasRoute, isRouted } from "../../src/runtime/host/routes.ts";

const HEADING = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const ON_LINK = "eth0\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
const DEFAULT = "eth0\t00000000\t016433C6\t0003\t0\t0\t0\t00000000\t0\t0\t0";
const UNREACHABLE = "*\t000200C0\t00000000\t0201\t0\t0\t0\t00FFFFFF\t0\t0\t0";

const NONE = "0".repeat(32);
const row6 = (network: string, prefix: string, flags: string, device: string) =>
  `${network} ${prefix} ${NONE} 00 ${NONE} 00000000 00000001 00000000 ${flags} ${device}`;
const NO_DEFAULT_6 = row6(NONE, "00", "00200200", "lo");
const ON_LINK_6 = row6("20010db8000100000000000000000000", "40", "00000001", "eth0");
const DEFAULT_6 = row6(NONE, "00", "00000003", "eth0");

describe("a way to", () => {
  test.each([
    ["an address on the link", "198.51.100.9", [HEADING, ON_LINK], true],
    ["one that is not, without a default route", "192.0.2.1", [HEADING, ON_LINK], false],
    ["one that is not, with a default route", "192.0.2.1", [HEADING, DEFAULT, ON_LINK], true],
    ["a network said to be unreachable", "192.0.2.1", [HEADING, UNREACHABLE], false],
    ["anything, without a route", "192.0.2.1", [HEADING], false],
    ["this host, without a route", "127.0.0.1", [HEADING], true],
    ["IPv6: an address on the link", "2001:db8:1::9", [NO_DEFAULT_6, ON_LINK_6], true],
    ["IPv6: one that is not, without a default route", "2001:db8:2::9", [NO_DEFAULT_6, ON_LINK_6], false],
    ["IPv6: one that is not, with a default route", "2001:db8:2::9", [ON_LINK_6, DEFAULT_6], true],
    ["IPv6: this host", "::1", [NO_DEFAULT_6], true],
    ["IPv6: a neighbour on a named link", "fe80::1%eth0", [NO_DEFAULT_6], true],
  ])("%s", (_what, host, rows, expected) => {
    expect(isRouted(host, `${rows.join("\n")}\n`)).toBe(expected);
  });

  test("this host, by its own tables", () => expect([hasRoute("127.0.0.1"), hasRoute("::1")]).toEqual([true, true]));
});
