import fc from "fast-check";

/** Text near the syntax, so that garbage reaches deep into the parsers. */
export const nearSyntax = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc
    .array(
      fc.constantFrom(
        ":",
        "::",
        ".",
        "[",
        "]",
        "%",
        "#",
        "?",
        "/",
        "pin=sha256/",
        "&",
        "1",
        "fe80",
        "a",
        "tls://",
        ",",
      ),
    )
    .map((parts) => parts.join("")),
);
