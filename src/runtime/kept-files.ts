/** Files that fdns keeps for itself, as the parts above the runtime see them. */

export interface ReadableFile {
  /** Its size when it was opened. */
  readonly octets: number;
  /** Reads from `position` on until `into` is full or the file ends. @returns how many octets came */
  read(into: Uint8Array, position: number): Promise<number>;
  close(): Promise<void>;
}

/** A file in the making. Its path shows the old octets until commit(), and then all of the new ones. */
export interface FileReplacement {
  write(octets: Uint8Array): Promise<void>;
  commit(): Promise<void>;
  /** Leaves the old file as it was, and nothing beside it. */
  abandon(): Promise<void>;
}

/** How fdns knows a file of its own from somebody else's. */
export interface FileKind {
  /** "cache file of fdns". */
  readonly name: string;
  /** How much of its start tells. */
  readonly lookAtOctets: number;
  /** Told so much of the start, or all of a shorter file, which may be none or cut. */
  isOwn(start: Uint8Array): boolean;
  /** One that holds nothing yet. */
  readonly blank: Uint8Array;
}

/** What is at a path is not fdns' own, in words: it is neither written over, nor removed, nor followed. */
export class ForeignFileError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ForeignFileError";
  }
}

/** All reject with the host's Error. */
export interface Files {
  /** Rejects with ForeignFileError if there is something that is not fdns' own. */
  inspect(path: string, kind: FileKind): Promise<void>;
  /** Opens a regular file; undefined if there is none. */
  read(path: string): Promise<ReadableFile | undefined>;
  /**
   * Begins a file for its owner alone (mode 0600) beside the path, in its place once it is committed. Undefined while another
   * process writes it; the first call makes this process the one, until its end. Rejects like inspect().
   */
  replace(path: string, kind: FileKind): Promise<FileReplacement | undefined>;
  /** Why this process cannot make a file at the path, in words; undefined if it can. Makes none. Does not reject. */
  whyNotWritable(path: string): Promise<string | undefined>;
}
