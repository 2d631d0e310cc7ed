/** Text for a terminal of 80 columns, the narrowest that is usual. */

import { stripVTControlCharacters } from "node:util";

export const COLUMNS = 80;

/** Lines of words, none of them wider than COLUMNS unless one word is; all but the first begin behind `indent` spaces. */
export function wrapped(text: string, indent = 0, firstColumn = 0): string {
  const lines: string[] = [];
  let line = "";
  let column = firstColumn;
  for (const word of text.split(/\s+/)) {
    const { length } = stripVTControlCharacters(word);
    if (line !== "" && column + 1 + length > COLUMNS) {
      lines.push(line);
      line = "";
      column = indent;
    }
    column += length + (line === "" ? 0 : 1);
    line += line === "" ? word : ` ${word}`;
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

/** A term and what it means behind it, in the column `indent`; on a line of its own where it is too long for that. */
export function definition(term: string, meaning: string, indent: number): string {
  const width = 2 + stripVTControlCharacters(term).length;
  const gap = width + 2 <= indent ? " ".repeat(indent - width) : `\n${" ".repeat(indent)}`;
  return `  ${term}${gap}${wrapped(meaning, indent, indent)}`;
}
