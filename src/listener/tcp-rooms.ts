/**
 * Where responses of one turn are composed for a TCP client. Small rooms are made and forgotten; large ones are used
 * again, as garbage in large pieces is collected late.
 */

const FIRST_ROOM_OCTETS = 1024;
/** Above this a room is kept to be used again. */
const MAX_SMALL_OCTETS = 16_384;
/** What is kept at most, as much as all clients may have unsent (see tcpMaxUnsentOctetsInAll). */
const MAX_KEPT_OCTETS = 8_388_608;

export const NO_ROOM = new Uint8Array(0);

export class TcpRooms {
  /** By their size, powers of two: none is much larger than what waits in it until its client has taken that. */
  readonly #kept = new Map<number, Uint8Array[]>();
  #keptOctets = 0;

  /** A room for `wanted` octets, with the first `used` of the present one, which is free then. */
  larger(room: Uint8Array, used: number, wanted: number): Uint8Array {
    const larger = this.#take(Math.max(2 ** Math.ceil(Math.log2(wanted)), FIRST_ROOM_OCTETS));
    larger.set(room.subarray(0, used));
    this.giveBack(room);
    return larger;
  }

  /** Lets go of half of what is kept, as it is not needed for ever: to be called now and then. */
  shrink(): void {
    for (const [octets, rooms] of this.#kept) {
      this.#keptOctets -= octets * Math.ceil(rooms.length / 2);
      rooms.length >>= 1;
    }
  }

  /** Nobody needs the octets of this room any more. */
  giveBack(room: Uint8Array): void {
    const { length } = room;
    if (length <= MAX_SMALL_OCTETS || this.#keptOctets + length > MAX_KEPT_OCTETS) return;
    const rooms = this.#kept.get(length);
    if (rooms === undefined) this.#kept.set(length, [room]);
    else rooms.push(room);
    this.#keptOctets += length;
  }

  #take(octets: number): Uint8Array {
    const kept = this.#kept.get(octets)?.pop();
    if (kept === undefined) return new Uint8Array(octets);
    this.#keptOctets -= octets;
    return kept;
  }
}
