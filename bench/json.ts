/** JSON for people, and for small diffs. @module */

const WIDTH = 160;

/** What fits into one line stands in one line; anything else has a line for each member. */
export function prettyJson(value: unknown): string {
  return written(value, { indent: "", name: "" });
}

function written(value: unknown, { indent, name }: { indent: string; name: string }): string {
  const line = `${indent}${name}${oneLine(value)}`;
  // A comma may follow.
  if (line.length < WIDTH || value === null || typeof value !== "object") return line;
  const deeper = `${indent}  `;
  const [open, members, close] = Array.isArray(value)
    ? ["[", value.map((member) => written(member, { indent: deeper, name: "" })), "]"]
    : [
      "{",
      Object.entries(value).map(([key, member]) =>
        written(member, { indent: deeper, name: `${JSON.stringify(key)}: ` })
      ),
      "}",
    ];
  return `${indent}${name}${open}\n${members.join(",\n")}\n${indent}${close}`;
}

function oneLine(value: unknown): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  const members = Object.entries(value).map(([key, member]) =>
    `${JSON.stringify(key)}: ${oneLine(member)}`
  );
  return members.length === 0 ? "{}" : `{ ${members.join(", ")} }`;
}
