/**
 * When this fdns was made: the present is never before it, so a clock that says so is wrong. Hosts without a battery
 * for their clock start in 1970, or at whatever their firmware holds.
 */

/** Put in by the build (`--define FDNS_BUILD_DATE='"1793491200"'`): seconds since 1970, of the commit that was built. */
declare const FDNS_BUILD_DATE: string | undefined;

/** When the newest version of these sources was begun, for those who run them without a build; never a day to come. */
const SOURCE_DATE = "2026-11-01";

/** Milliseconds since 1970. */
export const builtMs: number =
  typeof FDNS_BUILD_DATE === "string" ? Number(FDNS_BUILD_DATE) * 1000 : Date.parse(SOURCE_DATE);
