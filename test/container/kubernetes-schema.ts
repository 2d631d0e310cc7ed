/** The published Kubernetes schemas, applied by kubernetes-validate (from PyPI; no network once it is installed). */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../support/sources.ts";
import { type Finished, runToEnd } from "../support/toolchain.ts";

/** What an API server of this version would say of unknown or wrong fields: one line a resource. */
export type SchemaCheck = (path: string, kubernetesVersion: string) => Promise<{ isValid: boolean; said: string }>;

const requirements = join(projectRoot, "test/container/requirements.txt");

/** Installs the library into dist/ unless what is there is what is asked for. */
export async function prepareSchemaCheck(): Promise<SchemaCheck> {
  const fingerprint = new Bun.CryptoHasher("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 16);
  const library = join(projectRoot, "dist/.kubernetes-validate", fingerprint);
  if (!existsSync(library)) await install(library);
  return async (path, kubernetesVersion) => {
    const flags = ["--strict", "--kubernetes-version", kubernetesVersion];
    const check = await runPython(["kubernetes_validate", ...flags, path], { PYTHONPATH: library });
    const said = `${check.stdout}${check.stderr}`.trim();
    // A kind without a schema is only warned of: what is not said to have passed has not.
    return { isValid: check.exitCode === 0 && /^INFO .* passed for resource /.test(said), said };
  };
}

async function install(library: string): Promise<void> {
  const unfinished = `${library}.new`;
  rmSync(join(library, ".."), { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  // Everything is listed and nothing is built: no code of a package runs to install it.
  const flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"];
  const environment = Object.entries(process.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value]],
  );
  const pip = await runPython(
    ["pip", "install", ...flags, "--target", unfinished, "--requirement", requirements],
    Object.fromEntries(environment),
  );
  if (pip.exitCode !== 0) throw new Error(`pip install --requirement ${requirements}: ${pip.stderr}`);
  renameSync(unfinished, library);
}

function runPython(module: readonly string[], env: Record<string, string>): Promise<Finished> {
  return runToEnd(["python3", "-m", ...module], { env: { PYTHONDONTWRITEBYTECODE: "1", ...env } });
}
