/** The program behind scripts/crossing. */

import { runCrossing } from "../test/support/crossing.ts";
import { engines, type Form, forms } from "../test/support/fdns.ts";

const [count = "1000000", form = "executable", engine = "batched"] = process.argv.slice(2);
const isForm = (text: string): text is Form => Object.hasOwn(forms, text);
const isEngine = (text: string): text is (typeof engines)[number] => (engines as readonly string[]).includes(text);
if (!/^[1-9][0-9]{0,7}$/.test(count) || !isForm(form) || !isEngine(engine)) {
  console.error("usage: scripts/crossing [COUNT] [executable|bun|deno] [batched|portable]");
  process.exit(2);
}
const { asked, answered, crossed, failed, tookMs, exitCode } = await runCrossing({
  count: Number(count),
  form,
  engine,
});
const unanswered = asked - answered;
console.log(
  `${form}, ${engine}: ${asked} asked, ${answered} answered, ${crossed} crossed, ${unanswered} unanswered, ` +
    `${failed} failed, in ${(tookMs / 1000).toFixed(1)} s (${Math.round((asked / tookMs) * 1000)} a second); ` +
    `fdns ended with ${exitCode}`,
);
if (crossed + unanswered + failed + exitCode > 0 || answered !== Number(count)) process.exitCode = 1;
