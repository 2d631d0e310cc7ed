/** Where the control socket is: a path, as the running fdns and `fdns cache` must find the same one. */

import { quoted } from "../../observe/quoted.ts";
import { UsageError } from "../config.ts";

export const DEFAULT_CONTROL_PATH = "/run/fdns/control";

/** unix(7): sun_path is 108 octets, one of them for the NUL at its end; runtimes cut longer ones or fail obscurely. */
const MAX_PATH_OCTETS = 107;

/** The path, or "off". @throws UsageError if no Unix socket can have it. */
export function parseControlPath(text: string): string {
  if (text.toLowerCase() === "off") return "off";
  const octets = new TextEncoder().encode(text).length;
  if (octets === 0 || octets > MAX_PATH_OCTETS || text.includes("\0")) {
    throw new UsageError(
      `${quoted(text)} is not a path of a Unix socket; one of 1 to ${MAX_PATH_OCTETS} octets, or off, is allowed`,
    );
  }
  return text;
}

/** Where it is unless told otherwise; systemd gives a service its folder as RUNTIME_DIRECTORY (several by colons). */
export function defaultControlPath(runtimeDirectory: string | undefined): string {
  const folder = runtimeDirectory?.split(":")[0] ?? "";
  return folder === "" ? DEFAULT_CONTROL_PATH : `${folder}/control`;
}
