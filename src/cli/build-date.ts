/** When this fdns was made: the least that a right clock can show. */

/** Put in by the build (`--define FDNS_BUILD_DATE='"1767225600"'`): seconds since 1970, of the commit that was built. */
declare const FDNS_BUILD_DATE: string | undefined;

/** Milliseconds since 1970; undefined when run from source. */
export const builtMs: number | undefined =
  typeof FDNS_BUILD_DATE === "string" ? Number(FDNS_BUILD_DATE) * 1000 : undefined;
