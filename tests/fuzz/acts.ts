/** What somebody may send to the project: one HTTP request, as it can be written down. @module */

/**
 * Who sends. `banned` and `gone` are users whose tokens are still valid, `anon` has the publishable key alone, `nobody` no
 * key at all; `service` is a server of the app that writes the rows of one user, `operator` whoever runs the project.
 */
export const ROLES = [
  ...["ann", "bob", "guest", "banned", "gone"],
  ...["anon", "nobody", "expired", "forged", "unsigned"],
  ...["service", "operator"],
] as const;
export type Role = typeof ROLES[number];

export const USERS: Role[] = ["ann", "bob", "guest"];
/** Whose token or key counts for nothing: not one request of theirs may succeed. */
export const OUTSIDERS: Role[] = ["anon", "nobody", "expired", "forged", "unsigned"];

/**
 * In path and body `{own}` and `{own2}` stand for sessions of the writer, `{foreign}` for one of somebody else, `{gone}` for
 * a deleted one, `{new}` for an id that nobody has, `{me}` and `{other}` for users.
 */
export interface Act {
  role: Role;
  method: string;
  /** Below the project's address. */
  path: string;
  headers: Record<string, string>;
  body: string | null;
}

export type Names = Record<"own" | "own2" | "foreign" | "gone" | "new" | "me" | "other", string>;

export function filledIn(template: string, names: Names): string {
  return template.replace(
    /\{(own2?|foreign|gone|new|me|other)\}/g,
    (all, name) => isName(name, names) ? names[name] : all,
  );
}

function isName(name: string, names: Names): name is keyof Names {
  return name in names;
}
