/**
 * Every number that can be tuned, once: its value, the range that makes sense, and why. An option of the command
 * line takes its default and its range from here; the rest is read by the part it belongs to.
 */

import { answers } from "./defaults/answers.ts";
import { clients } from "./defaults/clients.ts";
import { process } from "./defaults/process.ts";
import type { Tunable } from "./defaults/tunable.ts";
import { upstreams } from "./defaults/upstreams.ts";

export const defaults = { ...clients, ...upstreams, ...answers, ...process } as const satisfies Record<string, Tunable>;
