/** A host of its own with the image on it, built as the README says, and containers run from it. */

import { join } from "node:path";
import { type ImageStore, makeImageStore, standInImages } from "../support/container.ts";
import { makeNamespace } from "../support/namespace.ts";
import { type ScriptedUpstream, startScriptedUpstream } from "../support/scripted-upstream.ts";
import { readShown, type Shown } from "../support/shown-response.ts";
import { projectRoot } from "../support/sources.ts";
import { executable, runToEnd } from "../support/toolchain.ts";

/** Not loopback, so that containers reach what listens there. */
export const HOST_ADDRESS = "10.53.0.1";

export interface ContainerHost {
  readonly store: ImageStore;
  /** Put before a command to run it on this host. */
  readonly within: readonly string[];
  /** `podman run --detach` with these arguments; resolves when fdns listens. */
  run(...args: readonly string[]): Promise<Container>;
  /** Serves DNS over TLS on HOST_ADDRESS until the host goes; its address goes into DNSSERVER. */
  startUpstream(folder: string, flags?: readonly string[]): Promise<ScriptedUpstream>;
  /** Asks 127.0.0.1:53 with dig: what a user would type. */
  dig(...args: readonly string[]): Promise<Shown>;
  remove(): Promise<void>;
}

export interface Container {
  readonly name: string;
  /** Of its process 1, as this host numbers it. */
  readonly pid: number;
  /** What fdns logged. */
  log(): Promise<Record<string, unknown>[]>;
  /** `podman exec`: the exit code, and what was printed. */
  exec(...command: readonly string[]): ReturnType<ImageStore["tryPodman"]>;
  /** Sends SIGTERM. @returns how long it took to end from when fdns logged the signal, and the exit code. */
  terminate(): Promise<{ readonly tookMs: number; readonly exitCode: number }>;
  remove(): Promise<void>;
}

export async function makeContainerHost(): Promise<ContainerHost> {
  const namespace = await makeNamespace();
  await namespace.ip(`addr add ${HOST_ADDRESS}/32 dev lo`);
  // Not `ip netns exec`, which mounts another /sys and so hides the control groups.
  const within = ["nsenter", `--net=/run/netns/${namespace.name}`];
  const store = makeImageStore(within);
  const upstreams: ScriptedUpstream[] = [];
  let containers = 0;
  return {
    store,
    within,
    async run(...args) {
      const name = `fdns-${++containers}`;
      await store.podman("run", "--detach", "--name", name, ...args);
      return await started(store, name);
    },
    async startUpstream(folder, flags = []) {
      const port = 8853 + upstreams.length;
      const listen = ["--listen", `${HOST_ADDRESS}:${port}`];
      const upstream = await startScriptedUpstream(folder, [...listen, ...flags], [...within, executable]);
      upstreams.push(upstream);
      return { ...upstream, port, address: `${HOST_ADDRESS}:${port}#dot.test` };
    },
    async dig(...args) {
      const command = [...within, "dig", "-r", "+tries=1", "+time=8", "@127.0.0.1", ...args];
      return readShown((await runToEnd(command)).stdout, command.join(" "));
    },
    async remove() {
      await store.remove();
      await Promise.all(upstreams.map((upstream) => upstream.stop()));
      await namespace.remove();
    },
  };
}

/** `podman build` of Dockerfile.distroless as `fdns`. */
export async function buildImage(store: ImageStore): Promise<void> {
  const flags = ["--format", "docker", ...(await standInImages(store))];
  await store.podman("build", ...flags, "-f", join(projectRoot, "Dockerfile.distroless"), "-t", "fdns", projectRoot);
}

async function started(store: ImageStore, name: string): Promise<Container> {
  const state = (field: string) => store.podman("inspect", "--format", `{{.State.${field}}}`, name);
  const log = async () => {
    const { stdout, stderr } = await store.tryPodman("logs", name);
    const lines = `${stdout}${stderr}`.split("\n").filter((line) => line.startsWith("{"));
    return lines.map((line) => JSON.parse(line));
  };
  for (let waited = 0; !(await log()).some(({ message }) => String(message).startsWith("listening on")); waited++) {
    if (waited === 100 || (await state("Running")) !== "true") {
      throw new Error(`${name} does not listen: ${(await store.tryPodman("logs", name)).stderr}`);
    }
    await Bun.sleep(20);
  }
  return {
    name,
    pid: Number(await state("Pid")),
    log,
    exec: (...command) => store.tryPodman("exec", name, ...command),
    async terminate() {
      await store.podman("kill", "--signal", "TERM", name);
      const exitCode = Number(await store.podman("wait", name));
      // As the engine wrote it down, to the microsecond: "2026-11-23 04:26:20.462310961 +0000 UTC".
      const [day, time] = (await state("FinishedAt")).split(" ");
      const seen = (await log()).find(({ message }) => String(message).startsWith("SIGTERM"));
      return { tookMs: Date.parse(`${day}T${time?.slice(0, 12)}Z`) - Date.parse(String(seen?.time)), exitCode };
    },
    async remove() {
      await store.podman("rm", "--force", "--time", "0", name);
    },
  };
}
