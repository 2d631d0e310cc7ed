/** The executable. */

import { runCommandLine } from "./cli/run.ts";
import { commandLine, exit } from "./runtime/process.ts";

if (import.meta.main) exit(await runCommandLine(commandLine()));
