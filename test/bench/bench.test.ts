import { describe, expect, test } from "bun:test";
import { rotated, turns } from "./bench.ts";
import { busyPercent, coreTime, cpuTimeOf, parseCoreTime, parseProcessStat } from "./cpu-time.ts";
import { parseDnsperf } from "./dnsperf.ts";
import { parseCoreList } from "./machine.ts";
import { readOptions } from "./options.ts";
import { findCpuController } from "./quota.ts";
import { longestPauseMs } from "./rows-other.ts";

const DNSPERF = `Statistics:

  Queries sent:         30015
  Queries completed:    29220 (97.35%)
  Queries lost:         795 (2.65%)

  Response codes:       NOERROR 29000 (99.25%), SERVFAIL 220 (0.75%)
  Average packet size:  request 53, response 69
  Run time (s):         1.007583
  Queries per second:   28999.962280

  Average Latency (s):  0.011530 (min 0.000111, max 0.111321)
`;

describe("what programs print", () => {
  test("dnsperf's statistics", () => {
    expect(parseDnsperf(DNSPERF)).toEqual({
      sent: 30_015,
      answered: 29_220,
      lost: 795,
      refused: 220,
      seconds: 1.007583,
      queriesPerSecond: 28_999.96228,
    });
  });

  test("statistics with no answers at all", () => {
    const none = DNSPERF.replace(/^ {2}Response codes.*\n/m, "").replace("29220 (97.35%)", "0 (0.00%)");
    expect(parseDnsperf(none)).toMatchObject({ answered: 0, refused: 0 });
  });

  test("output without statistics is an error that shows it", () => {
    expect(() => parseDnsperf("Error: unable to open file")).toThrow("unable to open file");
  });

  test("the longest pause of a collector's trace", () => {
    const trace =
      "START M 5433kb b=0 i#1:N p=1.221399ms (max 1.221399)...]\n=> 4343kb, p=2.099170ms (max 9.5), cycle 9.41ms END]";
    expect(longestPauseMs(trace)).toBe(2.09917);
    expect(longestPauseMs("no collection")).toBe(0);
  });
});

describe("what the kernel shows", () => {
  test("a process whose name has spaces and parentheses", () => {
    const stat = `7 (a ) (b) S 3 ${"0 ".repeat(9)}120 45 9 9`;
    expect(parseProcessStat(stat)).toEqual({ parent: 3, userUs: 1_200_000, systemUs: 450_000 });
  });

  test("one core's time; waiting for a disk is idle, guests are counted once", () => {
    const text = "cpu  9 9 9 9\ncpu0 1 2 3 100 50 4 5 6 7 8\ncpu1 0 0 0 1 0 0 0 0 0 0\n";
    expect(parseCoreTime(text, 0)).toEqual({ busyTicks: 21, allTicks: 171 });
  });

  test("this process uses time when it works", () => {
    const before = cpuTimeOf(process.pid);
    const began = process.cpuUsage();
    for (let used = { user: 0, system: 0 }; used.user + used.system < 60_000; ) used = process.cpuUsage(began);
    const after = cpuTimeOf(process.pid);
    expect(after.userUs + after.systemUs - before.userUs - before.systemUs).toBeGreaterThanOrEqual(40_000);
  });

  test("a core is busy from 0 to 100 %", () => {
    const busy = busyPercent(coreTime(0), 0);
    expect(busy).toBeGreaterThanOrEqual(0);
    expect(busy).toBeLessThanOrEqual(100);
  });

  test("lists of cores", () => {
    expect(parseCoreList("0-2,5\n")).toEqual([0, 1, 2, 5]);
    expect(parseCoreList("3")).toEqual([3]);
  });

  test("where the CPU controller is, in either version", () => {
    const one = "cgroup /sys/fs/cgroup/cpuset cgroup rw,cpuset 0 0\ncgroup /c/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n";
    const two = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
    expect(findCpuController(`${two}${one}`)).toEqual({ root: "/c/cpu,cpuacct", version: 1 });
    expect(findCpuController(two)).toEqual({ root: "/sys/fs/cgroup", version: 2 });
    expect(() => findCpuController("proc /proc proc rw 0 0\n")).toThrow("no cgroup");
  });
});

describe("the command line", () => {
  test("everything, three rounds, unless said", () => {
    const { rows, servers, rounds, quick } = readOptions([]);
    expect({ rounds, quick }).toEqual({ rounds: 3, quick: false });
    expect(rows.map(({ id }) => id)).toContain("mixed");
    expect(servers).toContain("stubby");
  });

  test("rows and servers keep their order", () => {
    const { rows, servers } = readOptions(["--rows", "mixed,cached", "--servers", "unbound fdns"]);
    expect(rows.map(({ id }) => id)).toEqual(["cached", "mixed"]);
    expect(servers).toEqual(["fdns", "unbound"]);
  });

  test("storing a baseline is a quick run", () => {
    expect(readOptions(["--write-baseline"])).toMatchObject({ quick: true, pacedSeconds: 0 });
  });

  test.each([
    [["--rows", "fast"], '--rows "fast": allowed: half-core'],
    [["--rounds", "0"], '--rounds "0": allowed: a whole number from 1'],
    [["--rowz", "cached"], /--rowz.*; allowed: --help, --install, --quick, .*--rows/],
  ])("%p is refused", (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});

test("each round begins with another server", () => {
  expect([0, 1, 4].map((round) => rotated(["a", "b", "c"], round).join(""))).toEqual(["abc", "bca", "bca"]);
  expect(rotated([], 2)).toEqual([]);
});

test("all rounds of a row, or all rows of a round", () => {
  const order = (interleaved: boolean) => turns(["a", "b"], 2, interleaved).map(({ row, round }) => `${row}${round}`);
  expect(order(false)).toEqual(["a0", "a1", "b0", "b1"]);
  expect(order(true)).toEqual(["a0", "b0", "a1", "b1"]);
});
