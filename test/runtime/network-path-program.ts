/** For network-path.test.ts, in a namespace: at each line of input, the path as it is known by what the kernel told, and as it is. */

import { createInterface } from "node:readline";
import { openNetworkPath } from "../../src/runtime/host/network-path.ts";
import { loadLibc } from "../../src/runtime/libc.ts";

const told = openNetworkPath(await loadLibc());
const looked = openNetworkPath(undefined);
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ told: told.now(), looked: looked.now() }));
}
