/** What `fdns cache` is to do: from its arguments to a request of the control socket. */

import { UsageError } from "../../config/config.ts";
import { nearest } from "../../config/syntax/nearest.ts";
import { orders } from "../../control/protocol.ts";
import { quoted } from "../../observe/quoted.ts";
import { parseName, readName } from "../../presentation/name.ts";
import type { ParsedArguments } from "../arguments.ts";

const actions = ["stats", "flush", "dump"] as const;

export interface CacheOrder {
  readonly action: (typeof actions)[number];
  readonly request: string;
  /** The name to forget, with a dot at its end; undefined: all. */
  readonly name: string | undefined;
  /** Whether the names under it are meant too. */
  readonly isSubtree: boolean;
}

/** @throws UsageError */
export function readCacheOrder({ positionals, values }: ParsedArguments): CacheOrder {
  const [word, written, extra] = positionals;
  const action = actions.find((known) => known === word?.toLowerCase());
  if (action === undefined) throw noAction(word);
  const unwanted = action === "flush" ? extra : written;
  if (unwanted !== undefined) {
    throw new UsageError(
      `${quoted(unwanted)} is one word too many; fdns cache ${action}${action === "flush" ? " [NAME]" : ""} is allowed`,
    );
  }
  const isSubtree = values.has("subtree");
  if (isSubtree && action !== "flush") throw new UsageError("--subtree is for flush NAME; it is not allowed here");
  if (isSubtree && written === undefined)
    throw new UsageError("--subtree needs a name: fdns cache flush NAME --subtree");
  if (action === "dump" && values.has("json")) throw new UsageError("--json is for stats and flush; dump prints text");
  const name = written === undefined ? undefined : nameOf(written);
  return { action, name, isSubtree, request: requestOf(action, name, isSubtree) };
}

function requestOf(action: CacheOrder["action"], name: string | undefined, isSubtree: boolean): string {
  if (name === undefined) return orders[action];
  return `${isSubtree ? orders.flushSubtree : orders.flushName} ${name}`;
}

function noAction(word: string | undefined): UsageError {
  const allowed = "stats, flush [NAME] or dump is allowed";
  if (word === undefined) return new UsageError(`fdns cache needs to know what to do; ${allowed}`);
  const meant = nearest(word, actions);
  return new UsageError(
    `${quoted(word)} is not an action of fdns cache; ${meant === undefined ? "" : `did you mean ${meant}? `}${allowed}`,
  );
}

/** The name in the one spelling that has no spaces. */
function nameOf(written: string): string {
  try {
    return readName(parseName(written), 0).text;
  } catch (error) {
    throw new UsageError(
      `${quoted(written)} is not a name: ${(error as Error).message}; labels of 1 to 63 octets are allowed`,
    );
  }
}
