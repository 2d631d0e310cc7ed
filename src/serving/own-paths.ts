/** Paths that the operator named for fdns to write to: what is there already must be fdns' own. */

import { SNAPSHOT_KIND } from "../cache/snapshot.ts";
import { type Config, UsageError } from "../config/config.ts";
import { type Files, ForeignFileError } from "../runtime/runtime.ts";
import { whyNoSocket } from "../runtime/unix-listen.ts";

/**
 * Rejects with UsageError if something else is there, before it could be lost. What merely cannot be read or written is told
 * once fdns serves: it goes on without.
 */
export async function refuseForeignPaths(config: Config, files: Pick<Files, "inspect">): Promise<void> {
  const { cacheFile, control } = config;
  if (cacheFile !== undefined && config.cacheOctets > 0) {
    const error = await files.inspect(cacheFile, SNAPSHOT_KIND).then(
      () => undefined,
      (reason: Error) => reason,
    );
    if (error instanceof ForeignFileError) {
      throw new UsageError(
        `--cache-file "${cacheFile}": ${error.message}; fdns writes over nothing but its own: give a path that is free`,
      );
    }
  }
  const what = control?.isNamed ? await whyNoSocket(control.path) : undefined;
  if (what !== undefined) {
    throw new UsageError(`--control "${control!.path}": ${what}; fdns removes no such thing: give a path that is free`);
  }
}
