/**
 * Up to BATCH_DATAGRAMS datagrams as recvmmsg(2) and sendmmsg(2) want them: flat memory, laid out once.
 *
 *   struct mmsghdr, 64 octets (64-bit Linux)          struct iovec, 16 octets
 *     0 name pointer   8 name length                    0 base   8 length
 *    16 iovec pointer 24 iovec count
 *    32 control       40 control length                a peer, PEER_OCTETS
 *    48 flags         56 octets received                 0-27  sockaddr
 *                                                        28-31 octets of control message, 0 for none
 *                                                        32-95 control message: which of our addresses was asked
 *
 *   the control message (ip(7), ipv6(7)): struct cmsghdr of 16 octets (length u64, level i32, type i32), then
 *     IPv4: interface index (4), local address (4), destination in the packet (4)
 *     IPv6: destination (16), interface index (4)
 */
import { copyOctets } from "../../wire/octets.ts";
import { IPPROTO_IPV6, type Libc, MSG_DONTWAIT, MSG_TRUNC } from "../libc.ts";
import { BATCH_DATAGRAMS, DATAGRAM_OCTETS, DATAGRAM_STRIDE, PEER_OCTETS } from "../runtime.ts";
import { isLinkLocal6, SOCKADDR_OCTETS, sockaddrFamily, sockaddrLength } from "../sockaddr.ts";

const HEADER_OCTETS = 64;
const CONTROL_LENGTH_AT = SOCKADDR_OCTETS;
const CONTROL_AT = 32;
const CONTROL_ROOM = PEER_OCTETS - CONTROL_AT;

/** Where 32-bit fields are in a header, counted in words. The upper half of every 64-bit length stays 0. */
const HEADER_WORDS = HEADER_OCTETS / 4;
const NAME_LENGTH = 2;
const CONTROL_LENGTH = 10;
const FLAGS = 12;
const RECEIVED = 14;
/** The same in an iovec. */
const IOVEC_WORDS = 4;
const IOVEC_LENGTH = 2;

/** The memory both directions share. Whoever uses it keeps it referenced while the descriptor is open. */
class Messages {
  readonly octets = new Uint8Array(new ArrayBuffer(BATCH_DATAGRAMS * DATAGRAM_STRIDE));
  readonly peers = new Uint8Array(new ArrayBuffer(BATCH_DATAGRAMS * PEER_OCTETS));
  protected readonly libc: Libc;
  protected readonly headers = new Uint8Array(new ArrayBuffer(BATCH_DATAGRAMS * HEADER_OCTETS));
  protected readonly headerWords = new Uint32Array(this.headers.buffer);
  readonly #iovecs = new Uint8Array(new ArrayBuffer(BATCH_DATAGRAMS * IOVEC_WORDS * 4));
  protected readonly iovecWords = new Uint32Array(this.#iovecs.buffer);

  constructor(libc: Libc) {
    this.libc = libc;
    const headers = new DataView(this.headers.buffer);
    const iovecs = new DataView(this.#iovecs.buffer);
    const octetsAt = libc.addressOf(this.octets);
    const peersAt = libc.addressOf(this.peers);
    const iovecsAt = libc.addressOf(this.#iovecs);
    for (let i = 0; i < BATCH_DATAGRAMS; i++) {
      const header = i * HEADER_OCTETS;
      const peerAt = peersAt + BigInt(i * PEER_OCTETS);
      headers.setBigUint64(header, peerAt, true);
      headers.setBigUint64(header + 16, iovecsAt + BigInt(i * 16), true);
      headers.setBigUint64(header + 24, 1n, true);
      headers.setBigUint64(header + 32, peerAt + BigInt(CONTROL_AT), true);
      iovecs.setBigUint64(i * 16, octetsAt + BigInt(i * DATAGRAM_STRIDE), true);
      iovecs.setBigUint64(i * 16 + 8, BigInt(DATAGRAM_OCTETS), true);
    }
  }
}

/** Datagrams as they arrive; is itself the UdpBatch that handlers see. */
export class IncomingMessages extends Messages {
  count = 0;
  readonly lengths = new Uint32Array(new ArrayBuffer(BATCH_DATAGRAMS * 4));
  /** Datagrams of the last batch that were longer than a slot and were left out. */
  oversize = 0;
  /** Slots whose lengths the kernel overwrote last time. */
  #used = BATCH_DATAGRAMS;

  /** Receives what is there without waiting. Returns datagrams taken from the kernel (count + oversize), or -1 (see errno). */
  receive(descriptor: number): number {
    const words = this.headerWords;
    for (let i = 0; i < this.#used; i++) {
      words[i * HEADER_WORDS + NAME_LENGTH] = SOCKADDR_OCTETS;
      words[i * HEADER_WORDS + CONTROL_LENGTH] = CONTROL_ROOM;
    }
    const taken = this.libc.recvmmsg(descriptor, this.headers, BATCH_DATAGRAMS, MSG_DONTWAIT);
    // A failed call may have touched the first slot.
    this.#used = Math.max(taken, 1);
    this.count = 0;
    this.oversize = 0;
    for (let i = 0; i < taken; i++) {
      if ((words[i * HEADER_WORDS + FLAGS]! & MSG_TRUNC) !== 0) this.oversize++;
      else this.#keep(i);
    }
    return taken;
  }

  /** Makes slot i the next of the batch, which moves it only after one was left out. */
  #keep(i: number): void {
    const to = this.count++;
    const word = i * HEADER_WORDS;
    const length = Math.min(this.headerWords[word + RECEIVED]!, DATAGRAM_OCTETS);
    const controlLength = Math.min(this.headerWords[word + CONTROL_LENGTH]!, CONTROL_ROOM);
    this.lengths[to] = length;
    if (to !== i) {
      this.octets.copyWithin(to * DATAGRAM_STRIDE, i * DATAGRAM_STRIDE, i * DATAGRAM_STRIDE + length);
      this.peers.copyWithin(to * PEER_OCTETS, i * PEER_OCTETS, (i + 1) * PEER_OCTETS);
    }
    // Little-endian; it is at most 64.
    this.peers[to * PEER_OCTETS + CONTROL_LENGTH_AT] = controlLength;
  }
}

/** Datagrams on their way out. */
export class OutgoingMessages extends Messages {
  /** Datagrams composed, and how many of them the kernel has taken or refused. */
  queued = 0;
  done = 0;

  get unsent(): number {
    return this.queued - this.done;
  }

  get isFull(): boolean {
    return this.queued === BATCH_DATAGRAMS;
  }

  /** Queues `length` octets composed in the next free slot, for `peer`, to leave from the address the peer asked. */
  append(length: number, peers: Uint8Array, peerStart: number): void {
    const i = this.queued++;
    const at = i * PEER_OCTETS;
    const nameOctets = sockaddrLength(sockaddrFamily(peers, peerStart));
    const controlOctets = Math.min(peers[peerStart + CONTROL_LENGTH_AT]!, CONTROL_ROOM);
    copyOctets(peers, peerStart, this.peers, at, nameOctets);
    copyOctets(peers, peerStart + CONTROL_AT, this.peers, at + CONTROL_AT, controlOctets);
    const word = i * HEADER_WORDS;
    this.headerWords[word + NAME_LENGTH] = nameOctets;
    this.headerWords[word + CONTROL_LENGTH] = this.#turnControlAround(at, controlOctets);
    this.iovecWords[i * IOVEC_WORDS + IOVEC_LENGTH] = length;
  }

  /**
   * Makes of the control message at a peer, `length` octets that say where a datagram arrived, one that says where the
   * response leaves. Returns its octets. The route, not the interface of arrival, decides the way out; only a link-local
   * source needs its interface named.
   */
  #turnControlAround(at: number, length: number): number {
    if (length === 0) return 0;
    const content = at + CONTROL_AT + 16;
    if (this.peers[at + CONTROL_AT + 8] !== IPPROTO_IPV6) {
      this.peers.fill(0, content, content + 4);
      return length;
    }
    // What was sent to a multicast address cannot be answered from it.
    if (this.peers[content] === 0xff) return 0;
    if (!isLinkLocal6(this.peers, content)) this.peers.fill(0, content + 16, content + 20);
    return length;
  }

  /** Offers the kernel what is unsent. Returns datagrams it took, or -1 when it refused the first of them (see errno). */
  send(descriptor: number): number {
    // A new view is made only after a partial send.
    const rest = this.done === 0 ? this.headers : this.headers.subarray(this.done * HEADER_OCTETS);
    const taken = this.libc.sendmmsg(descriptor, rest, this.unsent, MSG_DONTWAIT);
    if (taken > 0) this.#advance(taken);
    return taken;
  }

  /** Gives up on the first unsent datagrams. */
  skip(count: number): void {
    this.#advance(count);
  }

  #advance(count: number): void {
    this.done += count;
    if (this.done < this.queued) return;
    this.done = 0;
    this.queued = 0;
  }
}
