/** The stubs people test a resolver with: dig, kdig and drill, told to ask the same question of any address. */

import { readShown, type Shown } from "./shown-response.ts";
import { runToEnd } from "./toolchain.ts";

export interface StubQuestion {
  /** In presentation form (RFC 1035, 5.1). */
  readonly name: string;
  readonly type: string;
  readonly dnssecOk?: boolean;
  readonly cd?: boolean;
  readonly ad?: boolean;
  /** False: no OPT. Not given: as the tool does by itself, which is an OPT only for dig. */
  readonly edns?: boolean;
  /** The size the OPT offers. */
  readonly udpPayloadSize?: number;
}

export interface Target {
  readonly host: "127.0.0.1" | "::1";
  readonly port: number;
  readonly transport: "udp" | "tcp" | "tls";
  /** Whom to trust over TLS; the name is dot.test. */
  readonly caFile?: string;
}

export const toolNames = ["dig", "kdig", "drill"] as const;
export type ToolName = (typeof toolNames)[number];

/** Over UDP dig and kdig ask again over TCP when an answer is truncated; drill shows the truncated one. */
export const asksAgain: Record<ToolName, boolean> = { dig: true, kdig: true, drill: false };

/** What is printed by the tool, read. Rejects if the tool got no response. */
export async function askWith(tool: ToolName, question: StubQuestion, target: Target): Promise<Shown> {
  const command = tool === "drill" ? drill(question, target) : digOrKdig(tool, question, target);
  const { stdout, stderr } = await runToEnd(command);
  // kdig says on standard error that it asks again.
  return readShown(`${stdout}\n${stderr}`, command.join(" "));
}

/**
 * Several of dig at a time may be given one port by the kernel, as dig sets SO_REUSEPORT (BIND 9.18), and then one of
 * them gets the other's response, too. So over UDP each is told a port of its own, below those that the kernel gives out
 * (ip_local_port_range).
 */
const DIG_PORTS = { first: 20_000, count: 10_000 };
let digs = 0;

function ownPort({ host }: Target): string[] {
  return ["-b", `${host}#${DIG_PORTS.first + (digs++ % DIG_PORTS.count)}`];
}

function digOrKdig(tool: "dig" | "kdig", question: StubQuestion, target: Target): string[] {
  const { name, type, dnssecOk, cd, ad, edns, udpPayloadSize } = question;
  return [
    tool,
    ...(tool === "dig" ? ["-r", "+tries=1"] : ["+retry=0", "+nopadding"]),
    "+time=8",
    ...(tool === "dig" && target.transport === "udp" ? ownPort(target) : []),
    `@${target.host}`,
    ...["-p", String(target.port), "-q", name, "-t", type],
    ...(target.transport === "tcp" ? ["+tcp"] : []),
    ...(target.transport === "tls" ? ["+tls", `+tls-ca=${target.caFile}`, "+tls-hostname=dot.test"] : []),
    ...(dnssecOk ? ["+dnssec"] : []),
    ...(cd ? ["+cdflag"] : []),
    ...(ad === undefined ? [] : [ad ? "+adflag" : "+noadflag"]),
    ...(edns === undefined ? [] : [edns ? "+edns" : "+noedns"]),
    ...(udpPayloadSize === undefined ? [] : [`+bufsize=${udpPayloadSize}`]),
  ];
}

function drill({ name, type, dnssecOk, cd, ad, edns, udpPayloadSize }: StubQuestion, target: Target): string[] {
  if (target.transport === "tls") throw new Error("drill speaks no TLS");
  const size = udpPayloadSize ?? (edns ? 1232 : undefined);
  return [
    "drill",
    ...["-p", String(target.port), target.transport === "tcp" ? "-t" : "-u"],
    ...(dnssecOk ? ["-D"] : []),
    ...(cd ? ["-o", "CD"] : []),
    ...(ad === undefined ? [] : ["-o", ad ? "AD" : "ad"]),
    ...(size === undefined ? [] : ["-b", String(size)]),
    ...[name, `@${target.host}`, type, "IN"],
  ];
}
