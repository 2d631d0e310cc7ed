/** `fdns help [COMMAND]`: the same as `fdns COMMAND --help`, for hands that know it from other programs. */

import { UsageError } from "../../config/config.ts";
import { quoted } from "../../observe/quoted.ts";
import { writeOut } from "../../runtime/process.ts";
import { type Command, exitCodes } from "../command.ts";
import { DEFAULT_COMMAND, namedCommand } from "../commands.ts";
import { renderHelp } from "./help.ts";

export const help: Command = {
  positionals: [
    { name: "COMMAND", description: "The command to explain (default: fdns with no command)", required: false },
  ],
  options: [],
  examples: [
    { line: "fdns help", meaning: "all flags and commands" },
    { line: "fdns help query", meaning: "those of fdns query" },
  ],
  async run({ positionals: [name, extra] }) {
    if (extra !== undefined) throw new UsageError(`${quoted(extra)} is one word too many; one command is allowed`);
    const entry = namedCommand(name ?? DEFAULT_COMMAND);
    writeOut(await renderHelp(entry, await entry.load(), name !== undefined));
    return exitCodes.ok.code;
  },
};
