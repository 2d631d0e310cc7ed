/** Finding out whether an address that failed works again, with no query at stake. */

import type { Clock, TlsOutcome } from "../../runtime/runtime.ts";
import type { DialAddress } from "./address-race.ts";
import { checkOutcome } from "./authentication.ts";

/**
 * Dials the address and hangs up once it has authenticated, or failed, or did neither within so many milliseconds;
 * then `onDone` is told, with undefined for a failure. Returns how to give up without a word.
 */
export function probeAddress(
  host: string,
  dial: DialAddress,
  clock: Clock,
  boundMs: number,
  onDone: (outcome: TlsOutcome | undefined) => void,
): () => void {
  let done = false;
  const hangUp = (): void => {
    done = true;
    cancelBound();
    stream.destroy();
  };
  const settle = (outcome: TlsOutcome | undefined): void => {
    if (done) return;
    hangUp();
    onDone(outcome);
  };
  const cancelBound = clock.after(boundMs, () => settle(undefined));
  const stream = dial(host, (outcome) => settle(checkOutcome(outcome) === undefined ? outcome : undefined), {
    onOctets() {},
    onDrain() {},
    onEnd: () => settle(undefined),
    onClose: () => settle(undefined),
  });
  return hangUp;
}
