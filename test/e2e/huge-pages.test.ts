/** The kernel is asked for huge pages for the cache. */

import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { type Form, forms, startFdns } from "../support/fdns.ts";

const CACHE_MIB = 20;
const KIB_A_MIB = 1024;

/** MiB of the process' memory that huge pages are asked for (proc_pid_smaps(5): "hg"). */
function advisedMib(pid: number): number {
  const mappings = readFileSync(`/proc/${pid}/smaps`, "latin1").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const advised = mappings.filter((mapping) => /^VmFlags:.* hg\b/m.test(mapping));
  const kib = advised.map((mapping) => Number(/^Size: +(\d+) kB/m.exec(mapping)![1]));
  return kib.reduce((sum, one) => sum + one, 0) / KIB_A_MIB;
}

test.each(Object.keys(forms) as Form[])("%s", async (form) => {
  const flags = ["--upstream", "127.0.0.1", "--listen", "127.0.0.1:0", "--cache-size", `${CACHE_MIB}MiB`];
  const fdns = await startFdns({ form, flags });
  try {
    const isKnown = existsSync("/sys/kernel/mm/transparent_hugepage");
    expect(Math.round(advisedMib(fdns.pid))).toBe(isKnown ? CACHE_MIB : 0);
  } finally {
    expect(await fdns.stop()).toBe(0);
  }
});
