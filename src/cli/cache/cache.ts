/** `fdns cache`: what the cache of the running fdns holds and how well it does, over its control socket. */

import { UsageError } from "../../config/config.ts";
import { loadControl } from "../../config/load.ts";
import { serveOptions } from "../../config/options.ts";
import type { CacheReport } from "../../control/protocol.ts";
import { environment, writeOut } from "../../runtime/process.ts";
import { type Command, exitCodes } from "../command.ts";
import { askControl } from "./control-ask.ts";
import { readCacheOrder } from "./order.ts";
import { cacheReportText, flushedText } from "./report.ts";

export const cache: Command = {
  positionals: [
    { name: "ACTION", description: "stats, flush or dump", required: true },
    {
      name: "NAME",
      description: "With flush: the one name to forget, all its types (default: everything)",
      required: false,
    },
  ],
  options: [
    { ...serveOptions.control, valueName: "PATH", description: "The Unix socket of the running fdns" },
    { name: "json", kind: "switch", description: "With stats or flush: print one JSON object" },
    { name: "subtree", kind: "switch", description: "With flush NAME: forget all names under it too" },
  ],
  examples: [
    { line: "fdns cache stats", meaning: "how much is in it, and how often it had the answer" },
    { line: "fdns cache flush example.com", meaning: "after a change of the zone: ask anew" },
    { line: "fdns cache flush example.com --subtree", meaning: "and of all names under it" },
    { line: "fdns cache dump | grep -A3 example.com", meaning: "what is remembered, and for how long" },
  ],
  notes: [
    "The socket is found as fdns serve finds it: by --control, FDNS_CONTROL or RUNTIME_DIRECTORY. Only the user that fdns runs as may use it, and root. Counts are since the start of fdns.",
  ],
  exitCodes: [
    { code: exitCodes.ok.code, meaning: "done, also where there was nothing to forget" },
    {
      code: exitCodes.failure.code,
      meaning: "no fdns listens there, it has no cache, or it did not finish its answer; output cannot be written",
    },
    { code: exitCodes.usage.code, meaning: "a wrong flag, value, action or name; nothing was asked" },
  ],
  async run(args) {
    const order = readCacheOrder(args);
    const control = loadControl(args.values, environment());
    if (control === undefined) throw new UsageError('--control: "off" leaves no socket to ask; a path is allowed');
    let text = "";
    await askControl(control.path, order.request, (lines) => {
      // A whole cache is passed on as it comes.
      if (order.action === "dump") writeOut(lines.map((line) => `${line}\n`).join(""));
      else text += lines.join("");
    });
    if (order.action === "stats")
      writeOut(args.values.has("json") ? `${text}\n` : cacheReportText(JSON.parse(text) as CacheReport));
    if (order.action === "flush")
      writeOut(args.values.has("json") ? `{"forgotten":${Number(text)}}\n` : flushedText(order, Number(text)));
    return exitCodes.ok.code;
  },
};
