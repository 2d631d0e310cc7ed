/**
 * Which of two answers is the newer: the one whose question was asked later, whichever came first. An upstream that was
 * slow, or asked by another worker, says what was true when it was asked.
 */

/** An answer comes within seconds of its question, so what was stored an hour later was asked later. Tenths of a second. */
const HOUR_DS = 36_000;

/**
 * Whether one answer is newer than the other, by when they were asked (CacheTime.msAt) and when they were stored
 * (CacheTime.at). The first tells more exactly, but wraps after 49 days.
 */
export function isNewer(askedMs: number, storedDs: number, thanAskedMs: number, thanStoredDs: number): boolean {
  const laterDs = (storedDs - thanStoredDs) | 0;
  if (laterDs > HOUR_DS) return true;
  return laterDs >= -HOUR_DS && ((askedMs - thanAskedMs) | 0) > 0;
}
