/** For whoever says by itself what is to be said. */

import type { Log } from "./log.ts";

export const silentLog: Log = { error() {}, warn() {}, info() {}, debug() {} };
