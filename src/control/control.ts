/**
 * `--control`: takes orders from `fdns cache` over a Unix socket that only fdns' own user may connect to. Loaded only
 * where there is to be one; without it fdns serves just as well.
 */

import type { ControlAddress } from "../config/config.ts";
import type { Log } from "../observe/log.ts";
import { systemErrorText } from "../observe/system-error.ts";
import { listenUnix, type UnixListener } from "../runtime/net/unix-listen.ts";
import type { ByteStream, Clock, StreamHandler } from "../runtime/runtime.ts";
import { BindError } from "../runtime/runtime.ts";
import { Answer } from "./answer.ts";
import { MAX_REQUEST_OCTETS } from "./protocol.ts";

/** Does what one request asks for, its words set apart by spaces. What it throws is told to whoever asked. */
export type OrderTaker = (words: readonly string[], answer: Answer) => Promise<void>;

export interface ControlParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly onOrder: OrderTaker;
}

/** From connecting to the end of the request; people's programs send it at once. */
const REQUEST_MS = 5000;

/** Listens; undefined where that cannot be, with one log line. Never rejects. */
export async function openControl(address: ControlAddress, parts: ControlParts): Promise<UnixListener | undefined> {
  try {
    return await listenUnix({
      path: address.path,
      makesFolder: !address.isNamed,
      onConnection: (stream) => new ControlClient(stream, parts),
    });
  } catch (error) {
    const what = `no control socket: ${error instanceof BindError ? error.message : systemErrorText(error)}`;
    // Nobody who only runs fdns as their own user, or twice, asked for the default.
    if (address.isNamed || !(error instanceof BindError)) parts.log.warn(what);
    else parts.log.info(what);
    return undefined;
  }
}

/** One connection: reads a line, has it done, ends. */
class ControlClient implements StreamHandler {
  readonly #stream: ByteStream;
  readonly #parts: ControlParts;
  readonly #answer: Answer;
  readonly #cancel: () => void;
  #request = "";
  #isTaken = false;

  constructor(stream: ByteStream, parts: ControlParts) {
    this.#stream = stream;
    this.#parts = parts;
    this.#answer = new Answer(stream);
    this.#cancel = parts.clock.after(REQUEST_MS, () => stream.destroy());
  }

  onOctets(octets: Uint8Array): void {
    if (this.#isTaken) return;
    this.#request += new TextDecoder("latin1").decode(octets);
    const end = this.#request.indexOf("\n");
    if ((end < 0 ? this.#request.length : end) > MAX_REQUEST_OCTETS) this.#stream.destroy();
    else if (end >= 0) this.#take(this.#request.slice(0, end));
  }

  onEnd(): void {
    if (!this.#isTaken) this.#stream.destroy();
  }

  onDrain(): void {
    this.#answer.onDrain();
  }

  onClose(): void {
    this.#cancel();
    this.#answer.onClose();
  }

  #take(request: string): void {
    this.#isTaken = true;
    this.#cancel();
    const words = request.split(" ").filter((word) => word !== "");
    this.#parts.onOrder(words, this.#answer).then(
      () => this.#answer.done(),
      (error: Error) => this.#answer.failed(error.message),
    );
  }
}
