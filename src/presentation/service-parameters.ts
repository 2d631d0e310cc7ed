/** SvcParams of SVCB and HTTPS records (RFC 9460, 2.1 and appendix A). */

import { formatIpAddress } from "../wire/ip-address.ts";
import { readUint16 } from "../wire/octets.ts";
import { quotedText } from "./character-string.ts";
import { base64 } from "./encodings.ts";

type Show = (value: Uint8Array) => string;

/** Keys by number (RFC 9460, 14.3.2 and the registry since); any other is keyNNNNN="octets". */
const keys: readonly { readonly name: string; readonly show: Show }[] = [
  { name: "mandatory", show: (value) => pairs(value).map(keyText).join(",") },
  { name: "alpn", show: (value) => quotedText(listText(protocols(value))) },
  { name: "no-default-alpn", show: nothing },
  { name: "port", show: (value) => String(only(pairs(value))) },
  { name: "ipv4hint", show: (value) => addresses(value, 4) },
  { name: "ech", show: base64 },
  { name: "ipv6hint", show: (value) => addresses(value, 16) },
  { name: "dohpath", show: quotedText },
  { name: "ohttp", show: nothing },
];

/** The parameters, set apart by spaces; "" for none. @throws Error if they are malformed. */
export function parametersText(octets: Uint8Array): string {
  const parameters: string[] = [];
  for (let at = 0; at < octets.length; ) {
    if (at + 4 > octets.length) throw new Error("a parameter is cut short");
    const key = readUint16(octets, at);
    const behind = at + 4 + readUint16(octets, at + 2);
    if (behind > octets.length) throw new Error("a parameter is cut short");
    const value = octets.subarray(at + 4, behind);
    const text = (keys[key]?.show ?? quotedText)(value);
    parameters.push(value.length === 0 ? keyText(key) : `${keyText(key)}=${text}`);
    at = behind;
  }
  return parameters.join(" ");
}

function keyText(key: number): string {
  return keys[key]?.name ?? `key${key}`;
}

function nothing(value: Uint8Array): string {
  if (value.length > 0) throw new Error("the parameter takes no value");
  return "";
}

function pairs(value: Uint8Array): number[] {
  if (value.length === 0 || value.length % 2 !== 0) throw new Error("there is half a number");
  return Array.from({ length: value.length / 2 }, (_, i) => readUint16(value, 2 * i));
}

function only(numbers: readonly number[]): number {
  if (numbers.length !== 1) throw new Error("one number is allowed");
  return numbers[0]!;
}

function addresses(value: Uint8Array, octets: number): string {
  if (value.length === 0 || value.length % octets !== 0) throw new Error("there is part of an address");
  const all = Array.from({ length: value.length / octets }, (_, i) => value.subarray(i * octets, (i + 1) * octets));
  return all.map(formatIpAddress).join(",");
}

function protocols(value: Uint8Array): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let at = 0; at < value.length; at += 1 + value[at]!) {
    const protocol = value.subarray(at + 1, at + 1 + value[at]!);
    if (protocol.length === 0 || protocol.length !== value[at]) throw new Error("a protocol is cut short");
    all.push(protocol);
  }
  if (all.length === 0) throw new Error("there is no protocol");
  return all;
}

/** A value-list: commas and backslashes within an item behind a backslash (RFC 9460, appendix A.1). */
function listText(items: readonly Uint8Array[]): Uint8Array {
  const [comma, backslash] = [0x2c, 0x5c];
  const escaped = items.map((item) =>
    [...item].flatMap((octet) => (octet === comma || octet === backslash ? [backslash, octet] : [octet])),
  );
  return Uint8Array.from(escaped.flatMap((item, i) => (i === 0 ? item : [comma, ...item])));
}
