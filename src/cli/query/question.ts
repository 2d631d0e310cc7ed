/** What is asked: from the arguments of `fdns query`, dig's habits included, to a question in wire form. */

import { UsageError } from "../../config/config.ts";
import { nearest } from "../../config/syntax/nearest.ts";
import { quoted } from "../../observe/quoted.ts";
import { parseName, reverseName } from "../../presentation/name.ts";
import { mnemonics, parseType, typeText } from "../../presentation/types.ts";
import type { QuestionToAsk } from "../../upstream/examine/one-query.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import { CLASS_IN, isMetaType, TYPE } from "../../wire/protocol.ts";
import type { ParsedArguments } from "../arguments.ts";

export interface Question extends QuestionToAsk {
  /** As it was written, and its type by mnemonic. */
  readonly name: string;
  readonly type: string;
}

export interface ReadArguments {
  readonly question: Question;
  /** The flags, with those that dig's words stand for. */
  readonly values: ParsedArguments["values"];
}

/** dig's words and the switches they stand for. */
const digWords: Readonly<Record<string, string>> = {
  "+short": "short",
  "+json": "json",
  "+dnssec": "do",
  "+do": "do",
  "+cd": "cd",
  "+cdflag": "cd",
};

/** @throws UsageError */
export function readQuestion(args: ParsedArguments): ReadArguments {
  const values = new Map(args.values);
  const words: string[] = [];
  for (const word of args.positionals) {
    if (word.startsWith("@")) values.set("upstream", [...(values.get("upstream") ?? []), word.slice(1)]);
    else if (word.startsWith("+")) values.set(switchOf(word), [""]);
    else words.push(word);
  }
  if (values.has("short") && values.has("json")) throw new UsageError("--short and --json: one of them is allowed");
  const { name, typeWord } = nameAndType(words, values.get("reverse")?.[0]);
  const type = typeOf(typeWord);
  const octets = Uint8Array.from([...nameOctets(name), type >> 8, type & 0xff, 0, CLASS_IN]);
  const question = {
    name,
    type: typeText(type),
    octets,
    dnssecOk: values.has("do"),
    checkingDisabled: values.has("cd"),
  };
  return { question, values };
}

function switchOf(word: string): string {
  const meant = digWords[word.toLowerCase()];
  if (meant !== undefined) return meant;
  throw new UsageError(`${quoted(word)} is dig's; of its words ${Object.keys(digWords).join(", ")} are allowed`);
}

function nameAndType(words: readonly string[], reverse: string | undefined): { name: string; typeWord: string } {
  const most = reverse === undefined ? 2 : 1;
  const extra = words[most];
  if (extra !== undefined) {
    throw new UsageError(`${quoted(extra)} is one word too many; NAME [TYPE] or -x ADDRESS [TYPE] is allowed`);
  }
  if (reverse !== undefined) {
    const address = parseIpAddress(reverse);
    if (address === undefined)
      throw new UsageError(`-x ${quoted(reverse)} is not an address; an IPv4 or IPv6 address is allowed`);
    return { name: reverseName(address), typeWord: words[0] ?? "PTR" };
  }
  const name = words[0];
  if (name === undefined) throw new UsageError("no name is given; fdns query NAME [TYPE] or fdns query -x ADDRESS");
  return { name, typeWord: words[1] ?? "A" };
}

function nameOctets(name: string): Uint8Array {
  try {
    return parseName(name);
  } catch (error) {
    throw new UsageError(
      `${quoted(name)} is not a name: ${(error as Error).message}; labels of 1 to 63 octets are allowed`,
    );
  }
}

function typeOf(word: string): number {
  const type = parseType(word);
  if (type === undefined) {
    const meant = nearest(word.toUpperCase(), mnemonics);
    throw new UsageError(
      `${quoted(word)} is not a type; ${meant === undefined ? "" : `did you mean ${meant}? `}a mnemonic as MX, or TYPE65280, is allowed`,
    );
  }
  // Streams of messages, and records that no question asks for: the forwarder refuses them too.
  if (isMetaType(type) || type === TYPE.IXFR || type === TYPE.AXFR) {
    throw new UsageError(`${quoted(word)} is not a type for a question of its own; transfers and OPT are not allowed`);
  }
  return type;
}
