/** Threads that do nothing but remember: what was started, what each was told. */

import type { Thread, ThreadOptions } from "../../src/runtime/threads.ts";

export class FakeThread implements Thread {
  readonly options: ThreadOptions;
  readonly told: unknown[] = [];
  hasEnded = false;

  constructor(options: ThreadOptions) {
    this.options = options;
  }

  post(message: unknown): void {
    this.told.push(message);
  }

  end(): Promise<void> {
    this.hasEnded = true;
    return Promise.resolve();
  }
}

export class FakeThreads {
  readonly started: FakeThread[] = [];

  start = (options: ThreadOptions): FakeThread => {
    const thread = new FakeThread(options);
    this.started.push(thread);
    return thread;
  };

  get last(): FakeThread {
    return this.started.at(-1)!;
  }
}
