/** For network-path.test.ts, in a namespace: at each line of input, the path as it is known by what the kernel told, and as it is. */

import { createInterface } from "node:readline";
import { loadLibc } from "../../src/runtime/libc.ts";
import { openNetworkPath } from "../../src/runtime/network-path.ts";

const told = openNetworkPath(await loadLibc());
const looked = openNetworkPath(undefined);
for await (const _ of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify({ told: told.now(), looked: looked.now() }));
}
