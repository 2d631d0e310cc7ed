/** The manifests: true to the schema, fitting together, and running as they are written. */

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { startFdns } from "../support/fdns.ts";
import { projectRoot } from "../support/sources.ts";
import { executable, runToEnd, temporaryFolder } from "../support/toolchain.ts";
import { buildImage, type ContainerHost, makeContainerHost } from "./built-image.ts";
import { prepareSchemaCheck, type SchemaCheck } from "./kubernetes-schema.ts";

/** The oldest that knows every field used, and the newest there are schemas of. */
const KUBERNETES_VERSIONS = ["1.30", "1.37"];

const manifests = join(projectRoot, "deploy/kubernetes");
const read = (file: string) => parse(readFileSync(join(manifests, file), "utf8"));
const daemonSet = read("daemonset.yaml");
const service = read("service.yaml");
const kustomization = read("kustomization.yaml");
const pod = daemonSet.spec.template.spec;
const [container] = pod.containers;

const environment: Record<string, string> = Object.fromEntries(
  container.env.map(({ name, value }: { name: string; value: string }) => [name, value]),
);
const probes: string[][] = ["startupProbe", "livenessProbe"].map((name) => container[name]?.exec.command ?? []);

const folder = temporaryFolder();
let host: ContainerHost;
let check: SchemaCheck;

beforeAll(async () => {
  host = await makeContainerHost();
  check = await prepareSchemaCheck();
  await buildImage(host.store);
}, 180_000);

afterAll(async () => {
  await host?.remove();
  rmSync(folder, { recursive: true });
}, 30_000);

describe.each(KUBERNETES_VERSIONS)("by the schema of Kubernetes %s", (version) => {
  test.each(kustomization.resources as string[])("%s is valid", async (file) => {
    expect(await check(join(manifests, file), version)).toMatchObject({ isValid: true });
  });

  /** What is wrong, what the check must name, and how it is done to the DaemonSet. */
  const faults: [string, string, (wrong: typeof daemonSet) => void][] = [
    [
      "a misspelt field",
      "livenesProbe",
      ({ spec }) => rename(spec.template.spec.containers[0], "livenessProbe", "livenesProbe"),
    ],
    [
      "a container's field on the pod",
      "allowPrivilegeEscalation",
      ({ spec }) => {
        spec.template.spec.securityContext.allowPrivilegeEscalation = false;
      },
    ],
    [
      "one word where a list belongs",
      "/fdns health",
      ({ spec }) => {
        spec.template.spec.containers[0].startupProbe.exec.command = "/fdns health";
      },
    ],
    ["no selector", "selector", ({ spec }) => delete spec.selector],
    [
      "an unknown kind",
      "demonset",
      (wrong) => {
        wrong.kind = "DemonSet";
      },
    ],
  ];
  test.each(faults)("%s is not", async (_what, named, spoil) => {
    const wrong = structuredClone(daemonSet);
    spoil(wrong);
    const path = join(folder, "wrong.json");
    writeFileSync(path, JSON.stringify(wrong));
    const { isValid, said } = await check(path, version);
    expect(isValid).toBe(false);
    expect(said.toLowerCase()).toContain(named.toLowerCase());
  });
});

describe("the parts fit together", () => {
  test("every file is applied, with the image of this version", () => {
    const files = readdirSync(manifests).filter((file) => file !== "kustomization.yaml");
    expect([...kustomization.resources].sort()).toEqual(files.sort());
    expect(kustomization.images).toEqual([{ name: container.image, newTag: packageJson.version }]);
  });

  test("the Service finds the pods and the port fdns listens on", () => {
    const { labels } = daemonSet.spec.template.metadata;
    expect(labels).toMatchObject(daemonSet.spec.selector.matchLabels);
    expect(labels).toMatchObject(service.spec.selector);
    const targets = service.spec.ports.map(({ targetPort, protocol }: never) => ({ targetPort, protocol }));
    const open = container.ports.map((port: Record<string, unknown>) => ({
      targetPort: port.containerPort,
      protocol: port.protocol,
    }));
    expect(targets).toEqual(open);
    expect(new Set(open.map(({ targetPort }: never) => `:${targetPort}`))).toEqual(new Set([environment.FDNS_LISTEN]));
  });

  test("old and new can run side by side on a node, so no node need be without", () => {
    expect(daemonSet.spec.updateStrategy.rollingUpdate).toMatchObject({ maxUnavailable: 0 });
    expect(pod.hostNetwork).toBeUndefined();
    expect(container.ports.filter(({ hostPort }: { hostPort?: number }) => hostPort !== undefined)).toEqual([]);
  });

  test("a pod that ends has time for its last sleep and for fdns' own end", () => {
    const shutdownSeconds = Number(/^(\d+)s$/.exec(environment.FDNS_SHUTDOWN_TIMEOUT ?? "")?.[1]);
    const sleepSeconds = container.lifecycle.preStop.sleep.seconds;
    expect(sleepSeconds + shutdownSeconds).toBeLessThan(pod.terminationGracePeriodSeconds);
  });
});

describe("its command line, variables and probes, as written", () => {
  test("with the executable", async () => {
    const fdns = await startFdns({ flags: container.args, env: environment, within: host.within });
    const outcomes = () => Promise.all(probes.map((probe) => runToEnd(onHost(probe), { env: environment })));
    try {
      expect(fdns.log.filter(({ level }) => level !== "info")).toEqual([]);
      for (const outcome of await outcomes()) expect(outcome).toMatchObject({ exitCode: 0, stderr: "" });
    } finally {
      expect(await fdns.stop()).toBe(0);
    }
    for (const outcome of await outcomes()) expect(outcome).toMatchObject({ exitCode: 1 });
  });

  test("in the image, with the rights and the memory it is given", async () => {
    const upstream = await host.startUpstream(folder);
    const trusting = ["-e", `DNSSERVER=${upstream.address}`, "-e", "FDNS_CA_FILE=/ca.pem"];
    const mounted = ["-v", `${upstream.caFile}:/ca.pem:ro`];
    const running = await host.run(...podmanFlags(), ...trusting, ...mounted, container.image, ...container.args);
    try {
      for (const probe of probes) expect(await running.exec(...probe)).toMatchObject({ exitCode: 0 });
      for (const transport of ["+notcp", "+tcp"]) {
        expect(await host.dig(transport, "www.example.test")).toMatchObject({ rcode: "NOERROR" });
      }
      expect(await running.terminate()).toMatchObject({ exitCode: 0 });
    } finally {
      await running.remove();
    }
  });
});

/** What the pod asks of its node, in podman's words. */
function podmanFlags(): string[] {
  const { runAsUser, runAsGroup, runAsNonRoot, seccompProfile } = pod.securityContext;
  const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = container.securityContext;
  expect({ runAsNonRoot, readOnlyRootFilesystem, allowPrivilegeEscalation, seccompProfile }).toEqual({
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    // podman's own default too.
    seccompProfile: { type: "RuntimeDefault" },
  });
  return [
    ...["--user", `${runAsUser}:${runAsGroup}`, "--read-only", "--read-only-tmpfs=false"],
    "--security-opt=no-new-privileges",
    ...capabilities.drop.map((capability: string) => `--cap-drop=${capability}`),
    ...["--memory", container.resources.limits.memory.replace(/^(\d+)Mi$/, "$1m")],
    ...Object.entries(environment).flatMap(([name, value]) => ["-e", `${name}=${value}`]),
    ...service.spec.ports.flatMap(
      ({ port, targetPort, protocol }: { port: number; targetPort: number; protocol: string }) => [
        "-p",
        `${port}:${targetPort}/${protocol.toLowerCase()}`,
      ],
    ),
  ];
}

/** A command of the image, on the host. */
function onHost([program, ...args]: readonly string[]): string[] {
  expect(program).toBe("/fdns");
  return [...host.within, executable, ...args];
}

function rename(object: Record<string, unknown>, from: string, to: string): void {
  object[to] = object[from];
  delete object[from];
}
