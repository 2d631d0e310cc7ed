/** From flags and a scenario file to what the scripted upstream does. Flags win over the file. */

import { UsageError } from "../config/config.ts";
import { bounded, quoted } from "../observe/quoted.ts";
import type { SocketAddress } from "../runtime/runtime.ts";
import type { TlsVersion } from "../runtime/tls/listen.ts";
import { BEHAVIOUR_KEYS, type Behaviour, DEFAULT_BEHAVIOUR } from "./behaviour.ts";
import { CERTIFICATES, type CertificateKind, DEFAULT_NAMES } from "./certificates.ts";
import { nameFromText } from "./dns/names.ts";
import { ipv4Octets, ipv6Octets } from "./dns/rdata.ts";
import { parseZone } from "./dns/zone.ts";
import { parseBehaviour, parseScenario, type Rule, type Scenario } from "./scenario.ts";
import { ALPN_CHOICES, type AlpnChoice, type TestUpstreamOptions } from "./start.ts";

/** Flags that a scenario file may hold too, besides the behaviours. */
const FILE_FLAGS = ["certificate", "name", "rotate-every", "tls", "alpn", "zone", "seed"] as const;

export interface TestUpstreamPlan {
  readonly upstream: TestUpstreamOptions;
  readonly control: SocketAddress | undefined;
  /** Where the CA's certificate is to be written. */
  readonly caOut: string | undefined;
}

/** What a flag holds and how it is called in errors: `--delay`, or `scenario FILE, delay`. */
interface Setting {
  readonly texts: readonly string[];
  readonly where: string;
}

type Settings = (name: string) => Setting | undefined;

function single(settings: Settings, name: string): { text: string; where: string } | undefined {
  const setting = settings(name);
  return setting && { text: setting.texts[setting.texts.length - 1]!, where: setting.where };
}

function listed({ texts }: Setting): string[] {
  return texts.flatMap((text) => text.split(/[\s,]+/)).filter((word) => word !== "");
}

function choice<Key extends string>(
  choices: Readonly<Record<Key, unknown>>,
  settings: Settings,
  name: string,
): Key | undefined {
  const setting = single(settings, name);
  if (!setting) return undefined;
  const chosen = setting.text.toLowerCase();
  if (Object.hasOwn(choices, chosen)) return chosen as Key;
  throw new UsageError(`${setting.where} ${quoted(setting.text)}: allowed: ${Object.keys(choices).join(", ")}`);
}

function wholeNumber(settings: Settings, name: string, max: number): number | undefined {
  const setting = single(settings, name);
  if (!setting) return undefined;
  if (/^[0-9]{1,10}$/.test(setting.text) && Number(setting.text) <= max) return Number(setting.text);
  throw new UsageError(`${setting.where} ${quoted(setting.text)}: allowed: a whole number from 0 to ${max}`);
}

function isAddress(text: string): boolean {
  try {
    return (text.includes(":") ? ipv6Octets(text) : ipv4Octets(text)).length > 0;
  } catch {
    return false;
  }
}

function socketAddress(text: string, where: string): SocketAddress {
  const [, v6, v4, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = v6 ?? v4 ?? "";
  if (!isAddress(host) || Number(port) > 0xffff) {
    throw new UsageError(`${where} ${quoted(text)}: allowed: ADDRESS:PORT or [IPV6]:PORT, port 0 to 65535`);
  }
  return { host, port: Number(port) };
}

function controlAddress(settings: Settings): SocketAddress | undefined {
  const setting = single(settings, "control");
  if (!setting) return undefined;
  const address = socketAddress(setting.text, setting.where);
  if (address.host !== "::1" && !address.host.startsWith("127.")) {
    throw new UsageError(`${setting.where} ${quoted(setting.text)}: allowed: a loopback address, 127.0.0.0/8 or [::1]`);
  }
  return address;
}

function certificateNames(settings: Settings): readonly string[] {
  const setting = settings("name");
  if (!setting) return DEFAULT_NAMES;
  const names = listed(setting);
  for (const name of names) {
    const plain = /^[A-Za-z0-9_.*-]+$/.test(name);
    try {
      if (!isAddress(name) && (!plain || nameFromText(name, undefined).length === 0)) throw new Error("no DNS name");
    } catch {
      throw new UsageError(`${setting.where} ${quoted(name)}: allowed: a DNS name, an IPv4 or an IPv6 address`);
    }
  }
  if (names.length === 0) throw new UsageError(`${setting.where} "": allowed: a DNS name, an IPv4 or an IPv6 address`);
  return names;
}

const VERSIONS = ["1.1", "1.2", "1.3"];

function tlsVersions(settings: Settings): { min: TlsVersion; max: TlsVersion } | undefined {
  const setting = settings("tls");
  if (!setting) return undefined;
  const versions = listed(setting).sort();
  const wrong = versions.find((version) => !VERSIONS.includes(version));
  if (wrong !== undefined || versions.length === 0) {
    throw new UsageError(`${setting.where} ${quoted(wrong ?? "")}: allowed: ${VERSIONS.join(", ")}`);
  }
  const min = versions[0]!;
  const max = versions[versions.length - 1]!;
  // Bun serves 1.1 only when the range begins at 1.0; nothing that a client of today offers is below 1.1.
  return { min: min === "1.1" ? "TLSv1" : (`TLSv${min}` as TlsVersion), max: `TLSv${max}` as TlsVersion };
}

function baseBehaviour(settings: Settings): Behaviour {
  let behaviour = DEFAULT_BEHAVIOUR;
  for (const { key } of BEHAVIOUR_KEYS) {
    const setting = settings(key);
    if (setting) behaviour = { ...behaviour, ...parseBehaviour(key, setting.texts.join(","), setting.where) };
  }
  return behaviour;
}

/** Behaviours and rules as a scenario file holds them, and nothing else. @throws UsageError as readTestUpstreamOptions(). */
export function readBehaviours(text: string, source: string): Scenario {
  const { values, rules } = parseScenario(text, source, []);
  const settings: Settings = (name) => {
    const value = values.get(name);
    return value === undefined ? undefined : { texts: [value], where: `scenario ${bounded(source)}, ${name}` };
  };
  return { base: baseBehaviour(settings), rules };
}

/**
 * Reads everything, files included, before anything is bound.
 * @param readFile gives a file's text; called with the path and the flag that named it.
 * @throws UsageError of one line naming the flag or key, its value and what is allowed.
 */
export function readTestUpstreamOptions(
  values: ReadonlyMap<string, readonly string[]>,
  readFile: (path: string, flag: string) => string,
): TestUpstreamPlan {
  const scenarioPath = values.get("scenario")?.at(-1);
  const file =
    scenarioPath === undefined
      ? undefined
      : parseScenario(readFile(scenarioPath, "scenario"), scenarioPath, FILE_FLAGS);
  const settings: Settings = (name) => {
    const texts = values.get(name);
    if (texts && texts.length > 0) return { texts, where: `--${name}` };
    const text = file?.values.get(name);
    return text === undefined
      ? undefined
      : { texts: [text], where: `scenario ${bounded(scenarioPath ?? "")}, ${name}` };
  };
  const rules: readonly Rule[] = file?.rules ?? [];
  const listen = settings("listen") ?? { texts: ["127.0.0.1:8853"], where: "--listen" };
  const zonePath = single(settings, "zone")?.text;
  const zoneText = zonePath === undefined ? undefined : readFile(zonePath, "zone");
  if (zoneText !== undefined) parseZone(zoneText, zonePath ?? "");
  const upstream: TestUpstreamOptions = {
    listen: listed(listen).map((text) => socketAddress(text, listen.where)),
    certificate: choice<CertificateKind>(CERTIFICATES, settings, "certificate") ?? "good",
    names: certificateNames(settings),
    rotateEvery: wholeNumber(settings, "rotate-every", 1_000_000_000) ?? 1,
    tlsVersions: tlsVersions(settings) ?? { min: "TLSv1.2", max: "TLSv1.3" },
    alpn: choice<AlpnChoice>(ALPN_CHOICES, settings, "alpn") ?? "dot",
    scenario: { base: baseBehaviour(settings), rules },
    seed: wholeNumber(settings, "seed", 0xffffffff) ?? 1,
    ...(zoneText === undefined ? {} : { zoneText, zoneSource: zonePath ?? "" }),
  };
  return { upstream, control: controlAddress(settings), caOut: single(settings, "ca-out")?.text };
}
