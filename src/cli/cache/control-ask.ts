/** Asking the running fdns over its control socket. */

import { DONE, FAILED_MARK, LINE_MARK } from "../../control/protocol.ts";
import { escapeControls } from "../../observe/log.ts";
import { systemErrorText } from "../../observe/system-error.ts";
import { systemClock } from "../../runtime/clock.ts";
import { dialUnix } from "../../runtime/net/unix-dial.ts";
import type { StreamHandler } from "../../runtime/runtime.ts";

/** Until the first octet of the answer. Going over the largest cache takes some seconds on a busy host. */
const ANSWER_MS = 15_000;

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket; does it run, and with the same --control?",
  ECONNREFUSED: "nobody listens there any more",
  EACCES: "connecting is for the user that fdns runs as, and for root",
  ENOTSOCK: "it is not a socket",
};

/**
 * Sends the request; passes on the lines of the answer as they come, without their ends. Rejects with an Error that
 * says in one line why there is no answer, or not all of it, or with what onLines throws.
 */
export function askControl(path: string, request: string, onLines: (lines: readonly string[]) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const reader = new AnswerReader(onLines);
    const fail = (why: string) => reject(new Error(why));
    const handler: StreamHandler = {
      onOctets: (octets) => {
        cancel();
        try {
          reader.take(octets);
        } catch (error) {
          // Where the answer goes cannot be written: the rest is no use.
          reject(error);
          stream.destroy();
        }
      },
      onEnd: () => stream.end(),
      onDrain: () => {},
      onClose: (cause) => {
        cancel();
        if (reader.last === DONE) resolve();
        else if (reader.last !== undefined) fail(reader.last.replace(FAILED_MARK, ""));
        else if (reader.hasBegun) fail(`the fdns on ${path} ended in the middle of its answer`);
        else fail(`no fdns listens on ${path}: ${reasonOf(cause)}`);
      },
    };
    const stream = dialUnix(path, handler);
    const cancel = systemClock.after(ANSWER_MS, () => {
      fail(`the fdns on ${path} does not answer`);
      stream.destroy();
    });
    stream.write(new TextEncoder().encode(`${request}\n`));
  });
}

function reasonOf(cause: Error | undefined): string {
  if (cause === undefined) return "the connection was closed";
  return systemErrorText(cause, WORDS);
}

/** Sets lines apart in what arrives in pieces, and keeps the last one. */
class AnswerReader {
  readonly #onLines: (lines: readonly string[]) => void;
  readonly #decoder = new TextDecoder();
  #rest = "";
  /** The line that says how it ended. */
  last: string | undefined;
  hasBegun = false;

  constructor(onLines: (lines: readonly string[]) => void) {
    this.#onLines = onLines;
  }

  take(octets: Uint8Array): void {
    this.hasBegun = true;
    const lines = (this.#rest + this.#decoder.decode(octets, { stream: true })).split("\n");
    this.#rest = lines.pop()!;
    const ours = lines.filter((line) => line.startsWith(LINE_MARK));
    this.last = lines.find((line) => !line.startsWith(LINE_MARK)) ?? this.last;
    if (ours.length > 0) this.#onLines(ours.map((line) => escapeControls(line.slice(LINE_MARK.length))));
  }
}
