/** `fdns version`: what this is, what it was built for, what it runs on. */

import packageJson from "../../package.json" with { type: "json" };
import { machine, runtimeVersion, writeOut } from "../runtime/process.ts";
import { type Command, exitCodes } from "./command.ts";

/** Put in by the build (`--define FDNS_BUILD_TARGET='"linux-x64-glibc"'`); not there when run from source. */
declare const FDNS_BUILD_TARGET: string | undefined;

export const programVersion: string = packageJson.version;

/** The lines of `fdns version`, each ended. */
export function versionLines(): string {
  const target = typeof FDNS_BUILD_TARGET === "string" ? FDNS_BUILD_TARGET : "run from source";
  return `${packageJson.name} ${packageJson.version}\nbuilt for: ${target}\nruns on: ${runtimeVersion()}, ${machine()}\n`;
}

export const version: Command = {
  options: [],
  examples: [{ line: "fdns version", meaning: "one fact a line; the first is the name and the version" }],
  run() {
    writeOut(versionLines());
    return Promise.resolve(exitCodes.ok.code);
  },
};
