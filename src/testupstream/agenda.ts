/** Callbacks for later, grouped by the millisecond they are due: one timer for all answers of a millisecond, not one each. */

export class Agenda {
  readonly #due = new Map<number, (() => void)[]>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  after(ms: number, callback: () => void): void {
    const at = Math.ceil(performance.now() + ms);
    const group = this.#due.get(at);
    if (group) {
      group.push(callback);
      return;
    }
    const callbacks = [callback];
    this.#due.set(at, callbacks);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#due.delete(at);
      for (const due of callbacks) due();
    }, at - performance.now());
    this.#timers.add(timer);
  }

  /** Forgets everything. */
  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#due.clear();
  }
}
