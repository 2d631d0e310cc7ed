/** Lines of the log within a bound: long texts from outside are cut, with their length told, and short ones stay whole. */

import type { LogFields } from "./log.ts";

const encoder = new TextEncoder();
const octetsOf = (text: string) => encoder.encode(text).length;

export interface LineFormat {
  /** One line with its end. */
  format(message: string, fields: LogFields): string;
  /** A text as it looks in the line, escapes and all; never less than each of its characters by itself. */
  written(text: string): string;
}

/** Octets that a text may be given besides, as quotes where it has spaces. */
const QUOTES_OCTETS = 2;

/** The line, cut to so many octets. */
export function boundedLine(by: LineFormat, message: string, fields: LogFields, maxOctets: number): string {
  const line = by.format(message, fields);
  // An octet for each UTF-16 code unit at least, and three at most.
  if (line.length * 3 <= maxOctets) return line;
  const octets = octetsOf(line);
  if (octets <= maxOctets) return line;
  const texts = Object.values(fields).filter((value) => typeof value === "string");
  const sizes = [message, ...texts].map((text) => octetsOf(by.written(text)) + QUOTES_OCTETS);
  const others = octets - sizes.reduce((sum, size) => sum + size - QUOTES_OCTETS, 0);
  const share = fairShare(sizes, maxOctets - others) - QUOTES_OCTETS;
  const cut = (text: string) => cutText(text, share, by.written);
  const short: Record<string, LogFields[string]> = {};
  for (const [name, value] of Object.entries(fields)) short[name] = typeof value === "string" ? cut(value) : value;
  const cutLine = by.format(cut(message), short);
  if (octetsOf(cutLine) <= maxOctets) return cutLine;
  // More fields than fit: the message alone.
  const rest = maxOctets - octetsOf(by.format("", {})) - QUOTES_OCTETS;
  return by.format(cutText(message, rest, by.written), {});
}

/** The most that each may take so that all together take no more than the room; short ones leave theirs to the long. */
function fairShare(sizes: readonly number[], room: number): number {
  let left = room;
  const ascending = sizes.toSorted((a, b) => a - b);
  for (const [i, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - i));
    if (size > share) return share;
    left -= size;
  }
  return Number.POSITIVE_INFINITY;
}

/** The text, or if it takes more than so many octets as written, its beginning and how long it is. Characters stay whole. */
export function cutText(text: string, maxOctets: number, written = (part: string) => part): string {
  if (octetsOf(written(text)) <= maxOctets) return text;
  const mark = `… (${octetsOf(text)} octets)`;
  let left = maxOctets - octetsOf(mark);
  let end = 0;
  for (const character of text) {
    left -= octetsOf(written(character));
    if (left < 0) break;
    end += character.length;
  }
  return text.slice(0, end) + mark;
}
