/**
 * A question in the form that an upstream accepts. One that knows nothing of the options fdns adds, or of EDNS at all,
 * rejects the message (RFC 6891, 7: FORMERR; others say NOTIMP or BADVERS): it is asked again with less, as the
 * forwarder does.
 */

import { ResponseLayout } from "../../wire/response.ts";
import { isComplaint } from "../blame.ts";
import { UpstreamError } from "../exchange.ts";
import type { OneAnswer, QuestionToAsk } from "./one-query.ts";

export interface AcceptedAnswer {
  readonly answer: OneAnswer;
  /** What the upstream rejected before it gave this answer; undefined if it took the question as it was first asked. */
  readonly rejected: RejectedForm | undefined;
}

/** What had to be left out, and the RCODE that came with it. DO needs an OPT: without EDNS there is none (RFC 3225, 3). */
export interface RejectedForm {
  readonly part: "EDNS" | "EDNS options";
  readonly rcode: number;
}

/**
 * Asks with `ask`, and again with less while the upstream rejects it. The first response stands when every form is
 * rejected, as then the question itself may be at fault, and when asking again fails. Rejects as the first `ask` does.
 */
export async function askAccepted(
  question: QuestionToAsk,
  ask: (question: QuestionToAsk) => Promise<OneAnswer>,
): Promise<AcceptedAnswer> {
  const first = await ask(question);
  const rcode = rcodeOf(first);
  const unchanged: AcceptedAnswer = { answer: first, rejected: undefined };
  if (!isComplaint(rcode)) return unchanged;
  for (const part of formsWithLess(question)) {
    try {
      const answer = await ask(without(question, part));
      if (!isComplaint(rcodeOf(answer))) return { answer, rejected: { part, rcode } };
    } catch (error) {
      if (error instanceof UpstreamError) return unchanged;
      throw error;
    }
  }
  return unchanged;
}

/** The question as it is asked without what an upstream rejects. */
export function without(question: QuestionToAsk, part: RejectedForm["part"] | undefined): QuestionToAsk {
  if (part === undefined) return question;
  return { ...question, isPlain: true, dnssecOk: part === "EDNS options" && question.dnssecOk };
}

/** Without DO a question without options has no OPT either. */
function formsWithLess({ dnssecOk }: QuestionToAsk): readonly RejectedForm["part"][] {
  return dnssecOk ? ["EDNS options", "EDNS"] : ["EDNS"];
}

function rcodeOf({ message }: OneAnswer): number {
  const layout = new ResponseLayout();
  layout.scan(message, 0, message.length);
  return layout.rcode;
}
