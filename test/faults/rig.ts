/**
 * The network of one run: a namespace with the resolver under test and its client, one for each upstream, and a veth
 * pair between the first and each of the others. Upstream i (from 1) is 10.77.i.2, the resolver's side 10.77.i.1.
 */

import { join } from "node:path";
import { linesOf } from "../support/lines.ts";
import { makeNamespace, type Namespace } from "../support/namespace.ts";
import { spawnTied } from "../support/tied-children.ts";
import { runToEnd } from "../support/toolchain.ts";
import { startWire, type Wire } from "./wire.ts";

export const UPSTREAM_PORT = 853;
export const UPSTREAM_NAME = "dot.test";
const CONTROL_PORT = 9853;

export interface UpstreamSpec {
  /** As `fdns test-upstream --help` says. */
  readonly flags?: readonly string[];
  /** As in a scenario file: behaviours and rules. */
  readonly behaviour?: Readonly<Record<string, unknown>>;
}

/** How long an answer takes. The first upstream is the fastest, so that who prefers the fastest loses what is in use. */
function delayMsOf(index: number): number {
  return 6 + 4 * index;
}

/** Counters of the scripted upstream that the battery reads. */
export interface UpstreamCounters {
  readonly connections: number;
  readonly handshakes: number;
  readonly handshakesResumed: number;
  readonly handshakesFailed: number;
  readonly applicationOctets: number;
  readonly queries: number;
  readonly idReuses: number;
  readonly keyRotations: number;
}

const NO_COUNTERS: UpstreamCounters = {
  connections: 0,
  handshakes: 0,
  handshakesResumed: 0,
  handshakesFailed: 0,
  applicationOctets: 0,
  queries: 0,
  idReuses: 0,
  keyRotations: 0,
};

/** Delay and loss of one direction of a link. */
export interface Impairment {
  readonly delayMs: number;
  readonly lossPercent: number;
}

export class RigUpstream {
  readonly namespace: Namespace;
  readonly address: string;
  /** The resolver's address on the link. */
  readonly nearAddress: string;
  /** The link's name in the resolver's namespace. */
  readonly link: string;
  readonly caFile: string;
  readonly #delayMs: number;
  readonly #child;
  readonly #lines: AsyncGenerator<string, undefined>;
  #last: UpstreamCounters | undefined;

  private constructor(namespace: Namespace, index: number, folder: string, command: readonly string[]) {
    this.namespace = namespace;
    this.address = `10.77.${index}.2`;
    this.nearAddress = `10.77.${index}.1`;
    this.link = `up${index}`;
    this.#delayMs = delayMsOf(index);
    this.caFile = join(folder, `ca${index}.pem`);
    const log = Bun.file(join(folder, `upstream${index}.log`));
    this.#child = spawnTied(command, { stdin: "ignore", stdout: "pipe", stderr: log });
    this.#lines = linesOf(this.#child.stdout as ReadableStream<Uint8Array>);
  }

  static async start(
    namespace: Namespace,
    index: number,
    folder: string,
    executable: string,
    spec: UpstreamSpec,
  ): Promise<RigUpstream> {
    const scenario = join(folder, `upstream${index}.json`);
    await Bun.write(scenario, JSON.stringify({ delay: delayMsOf(index), ...spec.behaviour }));
    const upstream = new RigUpstream(namespace, index, folder, [
      ...namespace.within,
      executable,
      "test-upstream",
      ...["--listen", `10.77.${index}.2:${UPSTREAM_PORT}`, "--control", `127.0.0.1:${CONTROL_PORT}`],
      ...["--ca-out", join(folder, `ca${index}.pem`), "--scenario", scenario],
      ...(spec.flags ?? []),
    ]);
    if ((await upstream.#lines.next()).value === undefined) {
      throw new Error(
        `upstream ${index} did not start: ${await Bun.file(join(folder, `upstream${index}.log`)).text()}`,
      );
    }
    return upstream;
  }

  /** Behaves so from now on; see `--scenario`. */
  behave(behaviour: Readonly<Record<string, unknown>>): Promise<unknown> {
    return this.#control("POST /behaviour", JSON.stringify({ delay: this.#delayMs, ...behaviour }));
  }

  /** Ends every connection with FIN. */
  closeConnections(): Promise<unknown> {
    return this.#control("POST /close", "");
  }

  async counters(): Promise<UpstreamCounters> {
    return this.#last ?? ((await this.#control("GET /counters", "")) as UpstreamCounters);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
    if (signal === "SIGKILL") this.#last ??= NO_COUNTERS;
  }

  /** Everything to and from the upstream vanishes, or is let through again. */
  blackhole(on: boolean): Promise<void> {
    return this.firewall(`${on ? "-I" : "-D"} INPUT -i wire -j DROP`);
  }

  /** As if nobody listened: connections and attempts to make one are reset. */
  refuse(on: boolean): Promise<void> {
    return this.firewall(
      `${on ? "-I" : "-D"} INPUT -i wire -p tcp --dport ${UPSTREAM_PORT} -j REJECT --reject-with tcp-reset`,
    );
  }

  /** A stateful middlebox in front of the upstream that forgets a connection silently when it was idle for so long. */
  async forgetIdleFlows(seconds: number): Promise<void> {
    const { within } = this.namespace;
    await this.firewall("-A INPUT -i wire -m conntrack --ctstate INVALID -j DROP");
    await succeed([...within, "sysctl", "-qw", "net.netfilter.nf_conntrack_tcp_loose=0"]);
    await succeed([...within, "sysctl", "-qw", `net.netfilter.nf_conntrack_tcp_timeout_established=${seconds}`]);
  }

  firewall(line: string): Promise<void> {
    return succeed([...this.namespace.within, "iptables", ...line.split(" ")]);
  }

  /** Ends the process. @returns what it counted; what was read before, if it was killed. */
  async stop(): Promise<UpstreamCounters> {
    this.#child.kill("SIGTERM");
    this.#last ??= JSON.parse((await this.#lines.next()).value ?? "null") ?? NO_COUNTERS;
    await this.#child.exited;
    return this.#last!;
  }

  /** Remembers what it counted so far; for upstreams that will be killed. */
  async remember(): Promise<void> {
    this.#last = await this.counters();
  }

  /** The control port listens inside the namespace only, so the request is made there. */
  async #control(request: string, body: string): Promise<unknown> {
    const head = `${request} HTTP/1.0\\r\\ncontent-length: ${body.length}\\r\\n\\r\\n`;
    const script = `exec 3<>/dev/tcp/127.0.0.1/${CONTROL_PORT}; printf "${head}%s" "$0" >&3; cat <&3`;
    const { stdout, exitCode, stderr } = await runToEnd([...this.namespace.within, "bash", "-c", script, body]);
    if (exitCode !== 0 || !/^HTTP\/1\.[01] 200/.test(stdout)) throw new Error(`${request} ${body}: ${stdout}${stderr}`);
    return JSON.parse(stdout.slice(stdout.indexOf("\r\n\r\n") + 4));
  }
}

export class Rig {
  readonly near: Namespace;
  readonly upstreams: readonly RigUpstream[];
  readonly #wires: readonly Wire[];

  constructor(near: Namespace, upstreams: readonly RigUpstream[], wires: readonly Wire[]) {
    this.near = near;
    this.upstreams = upstreams;
    this.#wires = wires;
  }

  async remove(): Promise<void> {
    for (const wire of this.#wires) wire.stop();
    for (const upstream of this.upstreams) {
      upstream.signal("SIGKILL");
      await upstream.namespace.remove();
    }
    await this.near.remove();
  }
}

/** Namespaces, links and upstreams; everything it made is gone again if it fails. */
export async function makeRig(
  specs: readonly UpstreamSpec[],
  folder: string,
  executable: string,
  impairment: Impairment | undefined,
): Promise<Rig> {
  const near = await makeNamespace();
  const upstreams: RigUpstream[] = [];
  const wires: Wire[] = [];
  try {
    for (const [i, spec] of specs.entries()) {
      const far = await makeNamespace();
      const wire = await link(near, far, i + 1, impairment);
      if (wire) wires.push(wire);
      upstreams.push(await RigUpstream.start(far, i + 1, folder, executable, spec));
    }
  } catch (error) {
    await new Rig(near, upstreams, wires).remove();
    throw error;
  }
  return new Rig(near, upstreams, wires);
}

/** A link, impaired by netem(8) where the kernel has it, else by a program that carries the packets. */
async function link(
  near: Namespace,
  far: Namespace,
  index: number,
  impairment: Impairment | undefined,
): Promise<Wire | undefined> {
  const ends = [
    { namespace: near, device: `up${index}`, address: `10.77.${index}.1/24` },
    { namespace: far, device: "wire", address: `10.77.${index}.2/24` },
  ] as const;
  const useWire = impairment !== undefined && !(await hasNetem());
  const wire = useWire ? await startWire(ends, impairment) : undefined;
  if (!useWire) await near.ip(`link add up${index} type veth peer name wire netns ${far.name}`);
  for (const { namespace, device, address } of ends) {
    await namespace.ip(`addr add ${address} dev ${device}`);
    await namespace.ip(`link set ${device} up`);
    if (impairment && !wire) await impair(namespace, device, impairment);
  }
  return wire;
}

function impair({ name }: Namespace, device: string, { delayMs, lossPercent }: Impairment): Promise<void> {
  // Delay is for the way there and back, loss for each way.
  const settings = `delay ${delayMs / 2}ms loss ${lossPercent}%`;
  return succeed(["tc", "-n", name, "qdisc", "add", "dev", device, "root", "netem", ...settings.split(" ")]);
}

/** Whether the kernel knows netem, tried once in a namespace for that alone. */
export function hasNetem(): Promise<boolean> {
  netem ??= (async () => {
    const tried = await makeNamespace();
    const add = ["qdisc", "add", "dev", "lo", "root", "netem", "delay", "1ms"];
    const { exitCode } = await runToEnd(["tc", "-n", tried.name, ...add]);
    await tried.remove();
    return exitCode === 0;
  })();
  return netem;
}

let netem: Promise<boolean> | undefined;

export async function succeed(command: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runToEnd(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.trim()}`);
}
