/**
 * Records of the additional section that are for one hop alone: the OPT (RFC 6891, 6.1.1), and signatures of the
 * transaction, TSIG (RFC 8945, 5.1) and SIG(0) (RFC 2931, 3.1). They are not passed on, so what stands behind them
 * moves up; whatever may point at it would then point wrong, and is left out where that is unclear.
 */

import { skipName } from "./name.ts";
import { readUint16, writeUint16 } from "./octets.ts";
import { TYPE } from "./protocol.ts";
import { type NameVisitor, POINTABLE_OCTETS } from "./rdata/message-names.ts";
import { fits, shapeOf } from "./rdata/shapes.ts";
import { FIXED_OCTETS } from "./records.ts";

const POINTER = 0xc000;

/** Whether the record, whose type is at `fixed`, signs the transaction. SIG(0) covers type 0, which there is not. */
export function isTransactionSignature(octets: Uint8Array, fixed: number, type: number): boolean {
  if (type === TYPE.TSIG) return true;
  return type === TYPE.SIG && readUint16(octets, fixed + 8) >= 2 && readUint16(octets, fixed + FIXED_OCTETS) === 0;
}

/** Names in records that move up, of which the pointers to other such records are lowered. */
class MovingNames implements NameVisitor {
  /** Where the name at each offset of the message goes; 0: nowhere that is known. */
  readonly #newOffsets = new Uint16Array(POINTABLE_OCTETS);
  #start = 0;
  /** Up to here nothing moves. */
  #firstMoved = 0;
  #shift = 0;

  begin(start: number, firstMoved: number): void {
    this.#start = start;
    this.#firstMoved = firstMoved - start;
    this.#newOffsets.fill(0);
  }

  /** Lowers the pointers of the record at [at, next) for its move to `to`. False if it is unclear where one leads. */
  lower(octets: Uint8Array, at: number, fixed: number, next: number, to: number): boolean {
    this.#shift = at - to;
    const shape = shapeOf(readUint16(octets, fixed));
    if (shape !== undefined && this.behind(octets, at, fixed) > 0) {
      if (fits(shape, octets, fixed + FIXED_OCTETS, next, this)) return true;
    }
    this.#newOffsets.fill(0, at - this.#start, next - this.#start);
    return false;
  }

  behind(octets: Uint8Array, at: number, end: number): number {
    while (at < end) {
      const label = octets[at]!;
      const offset = at - this.#start;
      if (label >= 0xc0) return this.#lowerPointer(octets, at) ? at + 2 : -1;
      if (offset < POINTABLE_OCTETS) this.#newOffsets[offset] = offset - this.#shift;
      at += 1 + label;
      if (label === 0) return at;
    }
    return -1;
  }

  #lowerPointer(octets: Uint8Array, at: number): boolean {
    const target = readUint16(octets, at) - POINTER;
    if (target < this.#firstMoved) return true;
    const newTarget = this.#newOffsets[target]!;
    writeUint16(octets, at, POINTER | newTarget);
    return newTarget > 0;
  }
}

const movingNames = new MovingNames();

/**
 * Takes these signatures out of the message at octets[start, end), which is well-formed, and puts the OPT behind all
 * other records. `at`: where the additional section begins. Returns where the message ends then.
 */
export function putOptLast(octets: Uint8Array, start: number, end: number, at: number): number {
  let to = at;
  let kept = 0;
  let opt: Uint8Array | undefined;
  for (let left = readUint16(octets, start + 10); left > 0; left--) {
    const fixed = skipName(octets, at, end, start);
    const type = readUint16(octets, fixed);
    const next = fixed + FIXED_OCTETS + readUint16(octets, fixed + 8);
    const isForOneHop = type === TYPE.OPT || isTransactionSignature(octets, fixed, type);
    if (isForOneHop && to === at) movingNames.begin(start, at);
    // Not slice(): of a Buffer, which a socket's octets may be, that is no copy.
    if (type === TYPE.OPT) opt = Uint8Array.from(octets.subarray(at, next));
    if (!isForOneHop && (to === at || movingNames.lower(octets, at, fixed, next, to))) {
      octets.copyWithin(to, at, next);
      to += next - at;
      kept++;
    }
    at = next;
  }
  if (opt !== undefined) octets.set(opt, to);
  writeUint16(octets, start + 10, kept + (opt === undefined ? 0 : 1));
  return to + (opt?.length ?? 0);
}
