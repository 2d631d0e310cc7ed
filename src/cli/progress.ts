/** One line of standard error that says what is being waited for, rewritten as it changes. At a terminal only. */

import { escapeControls } from "../observe/log.ts";
import type { Clock } from "../runtime/runtime.ts";

export interface Progress {
  /** What is being done about something now. */
  step(about: string, doing: string): void;
  done(about: string): void;
  /** Takes the line away. */
  end(): void;
}

export const silentProgress: Progress = { step() {}, done() {}, end() {} };

/** Carriage return, erase the line (ECMA-48, EL). */
const CLEAR = "\r\u001b[K";
/** Longer lines would wrap on a narrow terminal, and could not be taken away. */
const MAX_COLUMNS = 78;
/** People do not read faster. */
const REDRAW_MS = 100;
const TICK_MS = 1000;

/** Shows how many are done, for how long it has been, and what the last of the others is about. */
export function progressLine(clock: Clock, write: (text: string) => void): Progress {
  const open = new Map<string, string>();
  const startedMs = clock.nowMs();
  let done = 0;
  let shownMs = Number.NEGATIVE_INFINITY;
  let cancelTick = () => {};
  const show = () => {
    shownMs = clock.nowMs();
    cancelTick();
    cancelTick = clock.after(TICK_MS, show);
    const [about, doing] = [...open].at(-1) ?? ["", ""];
    const seconds = Math.floor((shownMs - startedMs) / 1000);
    const text = `${done} of ${done + open.size} done, ${seconds} s; ${escapeControls(about)}: ${doing}`;
    write(CLEAR + text.slice(0, MAX_COLUMNS));
  };
  return {
    step(about, doing) {
      open.delete(about);
      open.set(about, doing);
      if (clock.nowMs() - shownMs >= REDRAW_MS) show();
    },
    done(about) {
      if (open.delete(about)) done++;
      if (open.size > 0) show();
    },
    end() {
      cancelTick();
      write(CLEAR);
    },
  };
}
