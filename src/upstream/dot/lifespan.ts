/**
 * How many queries one connection of an upstream is good for. Most upstreams take any number; some end every connection
 * after one answer or a few, and then each query that was in flight has to be sent again. Such an upstream gets fewer
 * queries a connection, and more connections.
 */

/** A life of fewer answers than this is short. */
const SHORT = 16;
/**
 * Lives of the same length in a row before it is believed to be the upstream's rule: one that is restarted, or resets
 * connections now and then, ends them at any age.
 */
const BELIEVED = 2;
/** Connections in a row that lived as long as they were allowed, before the next may live twice as long... */
const CLEAN_LIVES = 16;
/** ...and at most so many, as each attempt that fails makes the next one wait for twice as many. */
const MOST_CLEAN_LIVES = 4096;
/** Connections to an upstream whose connections live shortly: as many times more. */
const MORE_CONNECTIONS = 16;
/** Dials at once to such an upstream. To any other: one, so that a burst of queries makes no storm of handshakes. */
const MANY_DIALS = 16;

export class Lifespan {
  readonly #maxConnections: number;
  /** Lives in a row that ended after the same number of answers, and that number. */
  #equalLives = 0;
  #answers = 0;
  #cleanLives = 0;
  #wantedCleanLives = CLEAN_LIVES;
  /** Whether the connections of now may take more queries than those of before, and it is not known yet if they can. */
  #trying = false;
  /** Queries a connection may take in its life. */
  maxQueries = Number.POSITIVE_INFINITY;

  constructor(maxConnections: number) {
    this.#maxConnections = maxConnections;
  }

  get maxConnections(): number {
    return this.maxQueries < SHORT ? this.#maxConnections * MORE_CONNECTIONS : this.#maxConnections;
  }

  get maxDialling(): number {
    return this.maxQueries < SHORT ? MANY_DIALS : 1;
  }

  /** The upstream ended a connection after so many answers, with queries in flight. */
  cutShort(answers: number): void {
    // While more is tried, the first connection that is cut short tells.
    const wasTrying = this.#trying;
    this.#trying = false;
    if (wasTrying) this.#wantedCleanLives = Math.min(MOST_CLEAN_LIVES, this.#wantedCleanLives * 2);
    this.#cleanLives = 0;
    this.#equalLives = answers === this.#answers ? this.#equalLives + 1 : 1;
    this.#answers = answers;
    if (answers < SHORT && (wasTrying || this.#equalLives >= BELIEVED)) {
      this.maxQueries = Math.max(1, Math.min(this.maxQueries, answers));
    }
  }

  /** A connection ended with nothing in flight, after so many answers. */
  ranOut(answers: number): void {
    const wanted = this.#trying ? CLEAN_LIVES : this.#wantedCleanLives;
    if (answers < this.maxQueries || ++this.#cleanLives < wanted) return;
    if (this.#trying) this.#wantedCleanLives = CLEAN_LIVES;
    this.#cleanLives = 0;
    this.maxQueries = this.maxQueries < SHORT ? this.maxQueries * 2 : Number.POSITIVE_INFINITY;
    this.#trying = this.maxQueries < Number.POSITIVE_INFINITY;
    this.#equalLives = 0;
  }
}
