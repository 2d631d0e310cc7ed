/** What a key has besides the question: DNSSEC OK, Checking Disabled, and that it is a denial (RFC 8020). */
export const KEY_DO = 1;
export const KEY_CD = 2;
export const KEY_DENIAL = 4;
/** All of the flags. */
export const KEY_MASK = 7;
