/** Whether standard output and standard error may carry what only a terminal understands. */

import { environment, terminals } from "../runtime/process.ts";

/**
 * Colours and a moving cursor alike. Who sets NO_COLOR (no-color.org: to anything but nothing) or TERM=dumb wants plain
 * text, be it for a screen reader, a log of the session or an editor's shell.
 */
export function styles(): { readonly stdout: boolean; readonly stderr: boolean } {
  const { NO_COLOR, TERM } = environment();
  const isPlain = Boolean(NO_COLOR) || TERM === "dumb";
  const { stdout, stderr } = terminals();
  return { stdout: stdout && !isPlain, stderr: stderr && !isPlain };
}
