/** Ports and host names, as listen and upstream addresses both need them. */

import { quoted } from "../../observe/quoted.ts";
import { UsageError } from "../config.ts";

/** Reads a port; `text` is the whole value, for the error. @throws UsageError below `lowest` or above 65535. */
export function parsePort(text: string, digits: string, lowest: 0 | 1): number {
  const port = Number(digits);
  if (!/^[0-9]{1,5}$/.test(digits) || port > 65_535 || port < lowest) {
    throw new UsageError(`${quoted(text)} has a wrong port; ${lowest} to 65535 is allowed`);
  }
  return port;
}

const ldhLabel = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;

/**
 * Reads a host name: letters, digits and hyphens (RFC 1123, 2.1), labels of 63 octets and 253 in all (RFC 1035,
 * 2.3.4). One dot at the end is taken off, as certificates carry none.
 * @returns the name in lower case; undefined if the text is none, also for what another program would take for an
 * IPv4 address ("127.1", "0x7f.1": a last label that is a number).
 */
export function parseHostName(text: string): string | undefined {
  const name = text.toLowerCase().replace(/\.$/, "");
  if (name.length > 253) return undefined;
  const labels = name.split(".");
  if (!labels.every((label) => label.length <= 63 && ldhLabel.test(label))) return undefined;
  return /^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1)!) ? undefined : name;
}
