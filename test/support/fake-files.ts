/** Files in memory, that can be made to fail. */

import {
  type FileKind,
  type FileReplacement,
  type Files,
  ForeignFileError,
  type ReadableFile,
} from "../../src/runtime/kept-files.ts";

export class FakeFiles implements Files {
  readonly all = new Map<string, Uint8Array>();
  /** What every write ends in, if anything. */
  failure: Error | undefined;
  /** Replacements that are neither committed nor abandoned. */
  begun = 0;
  commits = 0;
  /** How much one read gives at most; real ones give less than asked for, too. */
  readOctets = Number.POSITIVE_INFINITY;
  /** Called before each read. */
  onRead: () => void = () => {};

  async read(path: string): Promise<ReadableFile | undefined> {
    const octets = this.all.get(path);
    if (octets === undefined) return undefined;
    return {
      octets: octets.length,
      read: async (into, position) => {
        this.onRead();
        const part = octets.subarray(position, position + Math.min(into.length, this.readOctets));
        into.set(part);
        return part.length;
      },
      close: async () => {},
    };
  }

  async whyNotWritable(): Promise<string | undefined> {
    return undefined;
  }

  /** Whether another process writes every file. */
  isAnothers = false;

  async inspect(path: string, kind: FileKind): Promise<void> {
    const start = this.all.get(path)?.subarray(0, kind.lookAtOctets);
    if (start !== undefined && !kind.isOwn(start)) throw new ForeignFileError(`it is no ${kind.name}`);
  }

  async replace(path: string, kind: FileKind): Promise<FileReplacement | undefined> {
    if (this.failure !== undefined) throw this.failure;
    await this.inspect(path, kind);
    if (this.isAnothers) return undefined;
    this.begun++;
    const pieces: Uint8Array[] = [];
    return {
      write: async (octets) => {
        if (this.failure !== undefined) throw this.failure;
        pieces.push(octets.slice());
      },
      commit: async () => {
        this.begun--;
        this.commits++;
        this.all.set(path, new Uint8Array(Buffer.concat(pieces)));
      },
      abandon: async () => {
        this.begun--;
      },
    };
  }
}
