/** From --ca-file to the roots themselves. */

import { quoted } from "../observe/quoted.ts";
import { systemErrorText } from "../observe/system-error.ts";
import { bundledRoots, type Roots, rootsFromFile, systemRoots } from "../runtime/tls/trust-store.ts";
import { type CaSource, UsageError } from "./config.ts";

/** @throws UsageError if the roots asked for cannot be had. */
export function loadTrustedRoots(ca: CaSource): Roots {
  switch (ca.kind) {
    case "default":
      return systemRoots() ?? bundledRoots();
    case "bundled":
      return bundledRoots();
    case "system": {
      const roots = systemRoots();
      if (roots === undefined) {
        throw new UsageError(
          "--ca-file system: this host has no store of trusted roots that is known; give a PEM file, or bundled",
        );
      }
      return roots;
    }
    case "file":
      try {
        return rootsFromFile(ca.path);
      } catch (error) {
        throw new UsageError(
          `--ca-file ${quoted(ca.path)}: ${systemErrorText(error)}; allowed are a PEM file with at least one certificate, system, bundled`,
        );
      }
  }
}
