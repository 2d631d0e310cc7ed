/** Reads the project's own files, and takes comments out of TypeScript, for tests that check rules on the sources. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout, with a slash at the end. */
export const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

/** A file of the project: its path from the root ("src/wire/query.ts") and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Every file under the folders given (paths from the root) whose name ends with `ending`. */
export function readSources(folders: readonly string[], ending: string): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(join(projectRoot, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(ending))
      .map((name) => ({ path: join(folder, name), text: readFileSync(join(projectRoot, folder, name), "utf8") })),
  );
}

/** Strings first, so that a `//` inside one is no comment. A comment goes, its line ends stay. */
const STRING_OR_COMMENT =
  /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

export function withoutComments(text: string): string {
  return text.replace(STRING_OR_COMMENT, (match, literal?: string) => literal ?? match.replace(/[^\n]/g, ""));
}

/** Code with neither comments nor the contents of plain strings: what is left is what runs. Templates stay. */
export function withoutStrings(text: string): string {
  return withoutComments(text).replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, '""');
}

/** What a file imports, types and dynamic imports and re-exports included, as written. */
export function importsOf(text: string): string[] {
  const pattern = /\b(?:from|import)\s*\(?\s*["']([^"']+)["']/g;
  return [...withoutComments(text).matchAll(pattern)].map((match) => match[1] as string);
}
