/** Which behaviour holds for a connection or a query: a base, and rules laid over it in order. */

import { UsageError } from "../config/config.ts";
import { bounded, quoted } from "../observe/quoted.ts";
import { BEHAVIOUR_KEYS, type Behaviour, DEFAULT_BEHAVIOUR } from "./behaviour.ts";
import { keysUpward, nameFromText, nameKey } from "./dns/names.ts";
import { TYPES, typeNumber } from "./dns/rdata.ts";

/** Which of a sequence, counted from 1: "3", "2-5", "4-" or "every 10". */
interface Turns {
  readonly from: number;
  readonly to: number;
  readonly every: number;
}

export interface Rule {
  /** Key (names.ts) of the name whose subtree it is for. */
  readonly qname: string | undefined;
  readonly qtype: number | undefined;
  /** Queries are counted over all connections. */
  readonly query: Turns | undefined;
  readonly connection: Turns | undefined;
  readonly behaviour: Partial<Behaviour>;
}

export interface Scenario {
  readonly base: Behaviour;
  readonly rules: readonly Rule[];
}

const TURNS_ALLOWED = 'the Nth as "N", "N-M", "N-" or "every N", counted from 1';

/** Reads the value of a behaviour key. @throws UsageError naming `where`, the value and what is allowed. */
export function parseBehaviour(key: string, text: string, where: string): Partial<Behaviour> {
  const found = BEHAVIOUR_KEYS.find((candidate) => candidate.key === key);
  const behaviour = found?.parse(text);
  if (!behaviour) throw new UsageError(`${where} ${quoted(text)}: allowed: ${found?.allowed ?? "nothing"}`);
  return behaviour;
}

function parseTurns(text: string, where: string): Turns {
  const every = /^every ([1-9][0-9]{0,8})$/i.exec(text);
  if (every) return { from: 1, to: Number.POSITIVE_INFINITY, every: Number(every[1]) };
  const [, from, dash, to] = /^([1-9][0-9]{0,8})(-)?([1-9][0-9]{0,8})?$/.exec(text) ?? [];
  const last = to ? Number(to) : dash ? Number.POSITIVE_INFINITY : Number(from);
  if (!from || (to && !dash) || last < Number(from))
    throw new UsageError(`${where} ${quoted(text)}: allowed: ${TURNS_ALLOWED}`);
  return { from: Number(from), to: last, every: 1 };
}

/** A JSON value as it would be written on a command line. */
function valueText(value: unknown, where: string): string {
  if (["string", "number", "boolean"].includes(typeof value)) return String(value);
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",");
  throw new UsageError(
    `${where} ${bounded(JSON.stringify(value))}: allowed: a string, a number, true, false or a list of strings`,
  );
}

function objectOf(value: unknown, where: string): [string, unknown][] {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw new UsageError(`${where} ${bounded(JSON.stringify(value))}: allowed: an object`);
}

const SELECTORS = ["qname", "qtype", "query", "connection"];

function parseQname(text: string, where: string): string {
  try {
    const octets = nameFromText(text, undefined);
    return nameKey(octets, 0, octets.length);
  } catch (cause) {
    throw new UsageError(`${where}: ${(cause as Error).message}`);
  }
}

function parseQtype(text: string, where: string): number {
  const type = typeNumber(text);
  if (type !== undefined) return type;
  throw new UsageError(`${where} "${text}": allowed: ${Object.keys(TYPES).join(", ")} and TYPE0 to TYPE65535`);
}

function parseRule(value: unknown, where: string): Rule {
  const texts = new Map<string, string>();
  for (const [key, written] of objectOf(value, where)) {
    const known = BEHAVIOUR_KEYS.find((candidate) => candidate.key === key);
    if (!known && !SELECTORS.includes(key)) {
      throw new UsageError(
        `${where}.${bounded(key)}: unknown; allowed: ${[...SELECTORS, ...BEHAVIOUR_KEYS.map((k) => k.key)].join(", ")}`,
      );
    }
    texts.set(key, valueText(written, `${where}.${key}`));
  }
  const [qname, qtype, query, connection] = SELECTORS.map((selector) => texts.get(selector));
  let behaviour: Partial<Behaviour> = {};
  for (const { key, scope } of BEHAVIOUR_KEYS) {
    const text = texts.get(key);
    if (text === undefined) continue;
    if (scope === "connection" && (qname ?? qtype ?? query) !== undefined) {
      throw new UsageError(
        `${where}.${key} ${quoted(text)}: holds for a whole connection; allowed: without qname, qtype and query`,
      );
    }
    behaviour = { ...behaviour, ...parseBehaviour(key, text, `${where}.${key}`) };
  }
  return {
    qname: qname === undefined ? undefined : parseQname(qname, `${where}.qname`),
    qtype: qtype === undefined ? undefined : parseQtype(qtype, `${where}.qtype`),
    query: query === undefined ? undefined : parseTurns(query, `${where}.query`),
    connection: connection === undefined ? undefined : parseTurns(connection, `${where}.connection`),
    behaviour,
  };
}

/** A scenario file: flags by name (with their values), and rules. */
export interface ScenarioFile {
  /** Values of keys that are flags as well, as text. */
  readonly values: ReadonlyMap<string, string>;
  readonly rules: readonly Rule[];
}

/**
 * Reads a scenario file: `{ "certificate": "good", "delay": "10-50", "rules": [{ "qname": "slow.test", "delay": 900 }] }`.
 * @param flags the flags it may hold besides the behaviour keys.
 * @throws UsageError of one line naming the file, the key, the value and what is allowed.
 */
export function parseScenario(text: string, source: string, flags: readonly string[]): ScenarioFile {
  const where = `scenario ${bounded(source)}`;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${where}: not JSON: ${bounded((cause as Error).message)}`);
  }
  const allowed = ["rules", ...flags, ...BEHAVIOUR_KEYS.map((candidate) => candidate.key)];
  const values = new Map<string, string>();
  let rules: Rule[] = [];
  for (const [key, value] of objectOf(parsed, where)) {
    if (!allowed.includes(key))
      throw new UsageError(`${where}, ${bounded(key)}: unknown; allowed: ${allowed.join(", ")}`);
    if (key !== "rules") values.set(key, valueText(value, `${where}, ${key}`));
    else if (Array.isArray(value)) rules = value.map((rule, i) => parseRule(rule, `${where}, rules[${i}]`));
    else throw new UsageError(`${where}, rules ${bounded(JSON.stringify(value))}: allowed: a list of objects`);
  }
  for (const [key, value] of values) if (!flags.includes(key)) parseBehaviour(key, value, `${where}, ${key}`);
  return { values, rules };
}

function within(turns: Turns | undefined, turn: number): boolean {
  return !turns || (turn >= turns.from && turn <= turns.to && turn % turns.every === 0);
}

/** What holds for the `connection`th connection, before any query. */
export function behaviourOfConnection({ base, rules }: Scenario, connection: number): Behaviour {
  let behaviour = base;
  for (const rule of rules) {
    if ((rule.qname ?? rule.qtype ?? rule.query) === undefined && within(rule.connection, connection)) {
      behaviour = { ...behaviour, ...rule.behaviour };
    }
  }
  return behaviour;
}

/** What holds for the `query`th query, for a name (its key) and a type, on the `connection`th connection. */
export function behaviourOfQuery(
  { base, rules }: Scenario,
  connection: number,
  query: number,
  qname: string,
  qtype: number,
): Behaviour {
  let behaviour = base;
  let above: string[] | undefined;
  for (const rule of rules) {
    if (!within(rule.connection, connection) || !within(rule.query, query)) continue;
    if (rule.qtype !== undefined && rule.qtype !== qtype) continue;
    if (rule.qname !== undefined) {
      above ??= [...keysUpward(qname)];
      if (!above.includes(rule.qname)) continue;
    }
    behaviour = { ...behaviour, ...rule.behaviour };
  }
  return behaviour;
}

export const DEFAULT_SCENARIO: Scenario = { base: DEFAULT_BEHAVIOUR, rules: [] };
