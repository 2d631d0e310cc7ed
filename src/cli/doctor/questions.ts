/**
 * What `fdns doctor` asks. Nothing of the user's: the root's own records, which every resolver has at hand, and, where
 * an answer must be slow, a name that nobody can have asked for before.
 *
 * Such a name is a random label under example.com. It is set aside for this kind of use (RFC 2606, 3), and unlike
 * names under invalid. or the root, which resolvers answer by themselves (RFC 6761, 6.4; RFC 8198), it has to be
 * fetched from its servers.
 */

import { parseName } from "../../presentation/name.ts";
import { parseType } from "../../presentation/types.ts";
import type { Random } from "../../runtime/runtime.ts";
import type { QuestionToAsk } from "../../upstream/examine/one-query.ts";
import { CLASS_IN } from "../../wire/protocol.ts";

/** Signed, and so the test of whether signatures come through. */
export const ROOT_KEYS = questionOf(".", "DNSKEY", true);
export const ROOT_SOA = questionOf(".", "SOA", false);
/** Served from any resolver's cache. */
export const ROOT_SERVERS = questionOf(".", "NS", false);

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";
const LABEL_OCTETS = 16;

/** A name that is in no cache. */
export function newName(random: Random): QuestionToAsk {
  const octets = new Uint8Array(LABEL_OCTETS);
  random.fill(octets);
  const label = Array.from(octets, (octet) => LETTERS[octet % LETTERS.length]).join("");
  return questionOf(`${label}.example.com.`, "A", false);
}

function questionOf(name: string, type: string, dnssecOk: boolean): QuestionToAsk {
  const qtype = parseType(type)!;
  const octets = Uint8Array.from([...parseName(name), qtype >> 8, qtype & 0xff, 0, CLASS_IN]);
  return { octets, dnssecOk, checkingDisabled: false };
}
