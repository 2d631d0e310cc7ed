/** A message of a header and a question alone, as an end of that question is kept. Reused. */

import { copyOctets } from "../../wire/octets.ts";
import { HEADER_OCTETS, MAX_QUESTION_OCTETS, QR } from "../../wire/protocol.ts";
import type { MessageLayout } from "../../wire/response.ts";

export class BlankMessage implements MessageLayout {
  readonly octets = new Uint8Array(HEADER_OCTETS + MAX_QUESTION_OCTETS);
  readonly rcode = 0;
  questionOctets = 0;
  bodyOctets = 0;
  readonly additionalRecords = 0;
  readonly optionsStart = 0;
  readonly optionsEnd = 0;
  readonly ttlAt = new Uint16Array(0);
  readonly ttlCount = 0;

  constructor() {
    this.octets[2] = QR;
    this.octets[5] = 1;
  }

  ask(question: Uint8Array, questionOctets: number): void {
    copyOctets(question, 0, this.octets, HEADER_OCTETS, questionOctets);
    this.questionOctets = questionOctets;
    this.bodyOctets = HEADER_OCTETS + questionOctets;
  }
}
