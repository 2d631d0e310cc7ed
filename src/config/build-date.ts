/**
 * When this fdns was made: the present is never before it, so a clock that says so is wrong. Hosts without a battery
 * for their clock start in 1970, or at whatever their firmware holds.
 */

/** Put in by the build (`--define FDNS_BUILD_DATE='"2026-11-01"'`); not there when run from source. */
declare const FDNS_BUILD_DATE: string | undefined;

/** When the newest version of these sources was begun, for those who run them without a build; never a day to come. */
const SOURCE_DATE = "2026-11-01";

/** Milliseconds from 1970 to the beginning of the day (UTC) on which this fdns was made. */
export const builtMs: number = Date.parse(typeof FDNS_BUILD_DATE === "string" ? FDNS_BUILD_DATE : SOURCE_DATE);
