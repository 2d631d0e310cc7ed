import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { coresOfGroups, coresToUse, usableCores } from "../../src/runtime/host/cores.ts";

const read = (files: Record<string, string>) => (path: string) => files[path];

describe("control groups", () => {
  test.each<[string, Record<string, string>, number]>([
    ["none", {}, Number.POSITIVE_INFINITY],
    [
      "version 2 without a limit",
      { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n" },
      Infinity,
    ],
    ["version 2", { "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n" }, 1.5],
    [
      "version 2, the limit on a group above",
      {
        "/proc/self/cgroup": "0::/a/b\n",
        "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/a/cpu.max": "200000 100000\n",
        "/sys/fs/cgroup/cpu.max": "800000 100000\n",
      },
      2,
    ],
    [
      "version 2, a path of the host's seen from inside a container",
      { "/proc/self/cgroup": "0::/../../kubepods/pod1\n", "/sys/fs/cgroup/cpu.max": "50000 100000\n" },
      0.5,
    ],
    [
      "version 1",
      {
        "/proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x\n1:cpuset:/\n",
        "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us": "300000\n",
        "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us": "100000\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
        "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
      },
      3,
    ],
    [
      "version 1 beside an empty version 2",
      {
        "/proc/self/cgroup": "1:cpu:/\n0::/\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "25000\n",
        "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "50000\n",
      },
      0.5,
    ],
    ["nonsense", { "/proc/self/cgroup": "0::/\n:::\n", "/sys/fs/cgroup/cpu.max": "x y z\n" }, Number.POSITIVE_INFINITY],
  ])("%s", (_, files, cores) => expect(coresOfGroups(read(files))).toBe(cores));

  test("what can be used is whole, at least one, and no more than there is", async () => {
    const limited = (quota: string) =>
      coresToUse(read({ "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": `${quota} 100000\n` }));
    expect(limited("10000")).toBe(1);
    expect(limited("199999")).toBe(1);
    expect(limited("99900000")).toBe(availableParallelism());
    expect(await usableCores()).toBeWithin(1, availableParallelism() + 1);
  });
});
