/** Responses as dig, kdig and drill print them: read, and compared. */

export interface ShownRecord {
  /** Owner, class, type and RDATA. */
  readonly text: string;
  readonly ttlSeconds: number;
}

export interface Shown {
  readonly rcode: string;
  /** As "ad qr ra rd", sorted. */
  readonly flags: string;
  readonly question: string;
  readonly sections: Readonly<Record<SectionName, readonly ShownRecord[]>>;
  /** What the tool says about the OPT: its fields, its options without padding. */
  readonly opt: string;
  readonly messageOctets: number;
  /** Whether the tool got a truncated answer and asked again over TCP. */
  readonly askedAgain: boolean;
}

const sectionNames = ["ANSWER", "AUTHORITY", "ADDITIONAL"] as const;
export type SectionName = (typeof sectionNames)[number];

/** Reads what a command printed. @throws Error if that is not one whole response */
export function readShown(printed: string, command: string): Shown {
  const fault = (what: string) => new Error(`${command}: ${what} in ${printed}`);
  const first = (pattern: RegExp): string => {
    const found = pattern.exec(printed)?.[1];
    if (found === undefined) throw fault(`no ${pattern}`);
    return found;
  };
  const lines = linesBySection(printed);
  const sections = Object.fromEntries(
    sectionNames.map((name) => [name, readRecords(lines.get(`${name} SECTION`) ?? [])]),
  ) as Record<SectionName, ShownRecord[]>;
  for (const name of ["ANSWER", "AUTHORITY"] as const) {
    if (Number(first(new RegExp(`${name}: (\\d+)`))) !== sections[name].length) {
      throw fault(`not as many records in ${name} as announced`);
    }
  }
  return {
    rcode: first(/(?:status|rcode): (\w+)/),
    flags: first(/^;; flags: ?([a-z ]*?) ?;/im)
      .split(" ")
      .sort()
      .join(" "),
    question: (lines.get("QUESTION SECTION") ?? []).join(" ").replace(/^;+ ?/, "").replace(/\s+/g, " "),
    sections,
    opt: [...printed.matchAll(/^;; EDNS: .*/gm), ...optLines(lines)].join("\n"),
    messageOctets: Number(first(/^;; (?:MSG SIZE +rcvd:|Received) (\d+)/m)),
    askedAgain: /truncated.*retrying/i.test(printed),
  };
}

function optLines(lines: ReadonlyMap<string, string[]>): string[] {
  const found = lines.get("OPT PSEUDOSECTION") ?? lines.get("EDNS PSEUDOSECTION") ?? [];
  return found.filter((line) => !line.includes("PADDING"));
}

/** The lines that are not blank below each title, up to the next one or a blank line. */
function linesBySection(printed: string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  let current: string[] | undefined;
  for (const line of printed.split("\n")) {
    const title = /^;; ([A-Z]+ (?:PSEUDO)?SECTION):/.exec(line)?.[1];
    if (title !== undefined) {
      current = [];
      found.set(title, current);
    } else if (line.trim() === "") current = undefined;
    else current?.push(line);
  }
  return found;
}

function readRecords(lines: readonly string[]): ShownRecord[] {
  return lines
    .map((line) => /^(\S+)\s+(\d+)\s+(.*)$/s.exec(line))
    .map((fields) => ({
      text: `${fields?.[1]} ${fields?.[3]?.replace(/\s+/g, " ")}`,
      ttlSeconds: Number(fields?.[2]),
    }))
    .sort((one, other) => (one.text < other.text ? -1 : 1));
}

/** How old what one tells may be compared with what the other told before, in seconds. */
const MAX_AGE_SECONDS = 120;

/** What differs from what was shown before, one line each. Records are sets, and their TTLs may have counted down. */
export function differences(before: Shown, now: Shown): string[] {
  const differing: string[] = [];
  const compare = (what: string, one: string, other: string): void => {
    if (one !== other) differing.push(`${what} "${clipped(other)}" for "${clipped(one)}"`);
  };
  compare("RCODE", before.rcode, now.rcode);
  compare("flags", before.flags, now.flags);
  compare("question", before.question, now.question);
  compare("OPT", before.opt, now.opt);
  for (const name of sectionNames) {
    const [wanted, got] = [before.sections[name], now.sections[name]];
    compare(name, wanted.map(({ text }) => text).join("\n"), got.map(({ text }) => text).join("\n"));
    for (const [i, { text, ttlSeconds }] of got.entries()) {
      const age = (wanted[i]?.ttlSeconds ?? ttlSeconds) - ttlSeconds;
      if (age < 0 || age > MAX_AGE_SECONDS)
        differing.push(`TTL of ${text}: ${ttlSeconds} for ${wanted[i]?.ttlSeconds}`);
    }
  }
  return differing;
}

function clipped(text: string): string {
  return text.length > 400 ? `${text.slice(0, 400)}... (${text.length} characters)` : text;
}

/** The same for an answer that did not fit: the header with TC, and nothing of the answer (RFC 2181, 9). */
export function truncatedDifferences(before: Shown, now: Shown): string[] {
  const flags = [...before.flags.split(" "), "tc"].sort().join(" ");
  return differences({ ...before, flags, sections: { ANSWER: [], AUTHORITY: [], ADDITIONAL: [] } }, now);
}
