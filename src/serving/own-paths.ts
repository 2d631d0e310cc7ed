/** Paths that the operator named for fdns to write to: what is there already must be fdns' own. */

import { SNAPSHOT_KIND } from "../cache/file/snapshot.ts";
import { type Config, UsageError } from "../config/config.ts";
import { quoted } from "../observe/quoted.ts";
import { type Files, ForeignFileError } from "../runtime/kept-files.ts";
import { whyNoSocket } from "../runtime/net/unix-listen.ts";

/** Rejects with UsageError if something else is there, before it could be lost. A file that cannot be read is no reason. */
export async function refuseForeignCacheFile(
  { cacheFile, cacheOctets }: Config,
  files: Pick<Files, "inspect">,
): Promise<void> {
  if (cacheFile === undefined || cacheOctets === 0) return;
  const error = await files.inspect(cacheFile, SNAPSHOT_KIND).catch((reason: Error) => reason);
  if (error instanceof ForeignFileError) {
    throw new UsageError(
      `--cache-file: ${quoted(cacheFile)}: ${error.message}; fdns writes over nothing but its own: give a path that is free`,
    );
  }
}

/** Rejects with UsageError if the path holds anything but a socket. */
export async function refuseForeignSocket({ control }: Config): Promise<void> {
  const what = control?.isNamed ? await whyNoSocket(control.path) : undefined;
  if (what !== undefined) {
    throw new UsageError(
      `--control: ${quoted(control!.path)}: ${what}; fdns removes no such thing: give a path that is free`,
    );
  }
}
