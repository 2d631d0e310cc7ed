/**
 * Where responses of one turn are composed for a TCP client. Small rooms are made and forgotten; large ones are used
 * again, as garbage in pieces of hundreds of kilobytes is collected late.
 */

const FIRST_ROOM_OCTETS = 1024;
/** Above this a room is made in its full size, to be kept. */
const MAX_SMALL_OCTETS = 16_384;
/** What is kept at most: a room for each connection that may have all it can have unsent (see tcpMaxUnsentOctetsInAll). */
const MAX_KEPT = 32;

export const NO_ROOM = new Uint8Array(0);

export class TcpRooms {
  readonly #largeOctets: number;
  readonly #kept: Uint8Array[] = [];

  /** `mostOctets`: what a client's responses of one turn take at most. */
  constructor(mostOctets: number) {
    this.#largeOctets = mostOctets;
  }

  /** A room for `wanted` octets, with the first `used` of the present one. */
  larger(room: Uint8Array, used: number, wanted: number): Uint8Array {
    const larger =
      wanted > MAX_SMALL_OCTETS && wanted <= this.#largeOctets
        ? (this.#kept.pop() ?? new Uint8Array(this.#largeOctets))
        : new Uint8Array(Math.max(wanted, room.length * 2, FIRST_ROOM_OCTETS));
    larger.set(room.subarray(0, used));
    return larger;
  }

  /** What is to be written of a room, in as little memory as it needs: the client may let it wait. */
  filled(room: Uint8Array, used: number): Uint8Array {
    if (room.length !== this.#largeOctets || used > room.length / 2) return room.subarray(0, used);
    const exact = room.slice(0, used);
    this.giveBack(room);
    return exact;
  }

  /** Lets go of half of what is kept, as it is not needed for ever: to be called now and then. */
  shrink(): void {
    this.#kept.length >>= 1;
  }

  /** Nobody needs the octets of this room any more. */
  giveBack(room: Uint8Array): void {
    if (room.length === this.#largeOctets && this.#kept.length < MAX_KEPT) this.#kept.push(room);
  }
}
