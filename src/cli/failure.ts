/** What ended a command, or would end it: in one line, and as the exit code. The same for every command. */

import { UsageError } from "../config/config.ts";
import { escapeControls } from "../observe/log.ts";
import { bounded } from "../observe/quoted.ts";
import { errorCode, systemErrorText } from "../observe/system-error.ts";
import { bindAdvice } from "../runtime/net/bind-advice.ts";
import { BindError } from "../runtime/runtime.ts";
import { exitCodes } from "./command.ts";

/** One line, ended, for standard error. */
export function failureLine(error: unknown): string {
  return `fdns: ${escapeControls(failureText(error))}\n`;
}

function failureText(error: unknown): string {
  if (error instanceof BindError) return bindAdvice(error);
  if (errorCode(error) === undefined) return error instanceof Error ? error.message : String(error);
  const { path } = error as NodeJS.ErrnoException;
  return (path === undefined ? "" : `${bounded(path)}: `) + systemErrorText(error);
}

/** What the operator gave is wrong, or fdns cannot do it. */
export function exitCodeOf(error: unknown): number {
  return error instanceof UsageError ? exitCodes.usage.code : exitCodes.failure.code;
}
