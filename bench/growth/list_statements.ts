/** The pages of the client's list(). @module */

import type { Statement } from "./attempt.ts";
import { listPage } from "./data_api.ts";
import type { Subject } from "./subject.ts";

export const PAGE_LENGTH = 20;

async function measurePage(
  { session }: Subject,
  cursor: { time: string; id: string } | null,
): Promise<void> {
  const { text, parameters } = listPage({ limit: PAGE_LENGTH, cursor });
  const [row] = await session.measure<{ page_total: string }>("list", text, parameters);
  // Ordinary users may have fewer.
  if (Number(row?.page_total) < (cursor === null ? 1 : PAGE_LENGTH)) {
    throw new Error(`Cannot measure: the page has ${row?.page_total} sessions`);
  }
}

export const listStatements: Statement[] = [
  {
    key: "listFirstPage",
    name: "list, first page",
    hot: true,
    role: "authenticated",
    user: ({ target }) => target.userId,
    run: ({ subject }) => measurePage(subject, null),
  },
  {
    key: "longListFirstPage",
    name: "list, first page of a long list",
    hot: true,
    role: "authenticated",
    user: ({ subject }) => subject.deep.userId,
    run: ({ subject }) => measurePage(subject, null),
  },
  {
    key: "longListLastPage",
    name: "list, last page of a long list",
    hot: true,
    role: "authenticated",
    user: ({ subject }) => subject.deep.userId,
    run: ({ subject }) => measurePage(subject, subject.deep),
  },
];
