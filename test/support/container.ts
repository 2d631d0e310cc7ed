/**
 * Images and containers of a test's own: podman with its storage, its networks and its state in one temporary folder,
 * and with nothing from outside. No image is pulled: the one to build in and the one to build upon are made of this
 * host's files, as Debian's packages laid them down.
 */

import { mkdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { projectRoot } from "./sources.ts";
import { type Finished, runToEnd, temporaryFolder } from "./toolchain.ts";

export interface ImageStore {
  /** Runs podman to its end; rejects with what it complained of. @returns what it printed, trimmed. */
  podman(...args: readonly string[]): Promise<string>;
  /** Runs podman to its end, whatever its exit code. */
  tryPodman(...args: readonly string[]): Promise<Finished>;
  /** Removes every container, image and file. */
  remove(): Promise<void>;
}

/** `within` is put before podman: the network namespace whose host the containers run on. */
export function makeImageStore(within: readonly string[]): ImageStore {
  const folder = temporaryFolder();
  for (const name of ["state", "networks", "temporary"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "containers.conf"), configuration(folder));
  writeFileSync(
    join(folder, "storage.conf"),
    // vfs copies whole folders and needs nothing of the kernel: no overlay on overlay, where a test runs in a container.
    `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/images"\nrunroot = "${folder}/run"\n`,
  );
  const env = {
    CONTAINERS_CONF: join(folder, "containers.conf"),
    CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
    TMPDIR: join(folder, "temporary"),
  };
  const tryPodman = (...args: readonly string[]) => runToEnd([...within, "podman", ...args], { env });
  const podman = async (...args: readonly string[]) => {
    const { exitCode, stdout, stderr } = await tryPodman(...args);
    if (exitCode !== 0) throw new Error(`podman ${args.join(" ")}: ${stderr.trim()}`);
    return stdout.trim();
  };
  return {
    podman,
    tryPodman,
    async remove() {
      await podman("rm", "--all", "--force", "--time", "0");
      rmSync(folder, { recursive: true });
    },
  };
}

function configuration(folder: string): string {
  return `[containers]
# The defaults raise these limits, which takes a right (CAP_SYS_RESOURCE) that not every machine's root has.
default_ulimits = ["nofile=1024:4096", "nproc=1000:1000"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = "${folder}/state"
[network]
network_backend = "netavark"
network_config_dir = "${folder}/networks"
`;
}

/** The flags for `podman build` that stand in for the images Dockerfile.distroless names; makes both in the store. */
export async function standInImages(store: ImageStore): Promise<string[]> {
  const folder = temporaryFolder();
  try {
    await store.podman("import", await baseArchive(folder), "stand-in-base");
    // Node is mounted apart, as it need not be in /usr.
    await store.podman(
      ...["import", "--change", "ENV=PATH=/node/bin:/usr/bin:/bin"],
      await builderArchive(folder),
      "stand-in-builder",
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
  const node = (await succeed(["node", "-p", "process.execPath"])).trim();
  const mounts = [
    "/usr:/usr:ro",
    `${dirname(dirname(realpathSync(node)))}:/node:ro`,
    // scripts/setup finds there what the lock file names, and installs nothing.
    `${join(projectRoot, "node_modules")}:/fdns/node_modules:ro`,
  ];
  return [
    "--pull=never",
    // RUN in a changed root, not in a container: it needs no network and no limits.
    "--isolation=chroot",
    ...mounts.flatMap((mount) => ["--volume", mount]),
    ...["--build-arg", "BUILDER=stand-in-builder", "--build-arg", "BASE=stand-in-base"],
  ];
}

/** glibc as in Debian's libc6, and the root certificates. */
async function baseArchive(folder: string): Promise<string> {
  const architecture = (await succeed(["dpkg", "--print-architecture"])).trim();
  const listed = (await succeed(["dpkg", "-L", `libc6:${architecture}`])).trim().split("\n");
  const paths = [...listed.filter((path) => !path.startsWith("/usr/share/")), "/etc/ssl/certs/ca-certificates.crt"];
  const list = join(folder, "paths");
  writeFileSync(list, `${paths.map((path) => path.slice(1)).join("\n")}\n`);
  // Without folders: on this host some are links, which in the image must be folders (/lib is /usr/lib here).
  const files = `while read -r path; do [ -d "/$path" ] || echo "$path"; done <"$1"`;
  const archive = join(folder, "base.tar");
  await succeed(["sh", "-c", `${files} | tar -C / --no-recursion -cf "$2" -T -`, "sh", list, archive]);
  return archive;
}

/** Empty but for the links into /usr, which is mounted when it is used. */
async function builderArchive(folder: string): Promise<string> {
  const root = join(folder, "builder");
  for (const name of ["usr", "node", "tmp", "etc", "root"]) mkdirSync(join(root, name), { recursive: true });
  for (const name of ["bin", "sbin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  const archive = join(folder, "builder.tar");
  await succeed(["tar", "-C", root, "-cf", archive, "."]);
  return archive;
}

async function succeed(command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runToEnd(command);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.trim()}`);
  return stdout;
}
