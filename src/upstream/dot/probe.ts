/** A question of fdns' own, the root's name servers, whose answer shows that a failing upstream works again. */

import { Exchange } from "../exchange.ts";

const ROOT_NS_IN = [0, 0, 2, 0, 1];

export class Probe extends Exchange {
  constructor() {
    super();
    this.query.question.set(ROOT_NS_IN);
    this.query.questionOctets = ROOT_NS_IN.length;
    this.query.rd = true;
  }

  // The upstream that asks it sees the answer itself.
  override onResponse(): void {}
  override onFailure(): void {}
}
