/**
 * The `Catalog` port: Acontext's lists, reduced to what carries this deployment's namespace.
 *
 * @module
 */
import type { Outcome } from "../core/ports.ts";
import type { Catalog, Page as CatalogPage } from "../core/reconcile/ports.ts";
import { PAGE_SIZE } from "../core/resources.ts";
import { honoursLabels } from "./labels.ts";
import { badShape, deletion } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";
import {
  datedDiskPageSchema,
  datedSessionPageSchema,
  diskLabel,
  isEnvelope,
  labelledSessionId,
  labelPageSchema,
  labelUseSchema,
  markedSessionId,
  type Page,
  sessionMark,
} from "./schemas.ts";

const UNSUPPORTED: Outcome<never> = { kind: "rejected", status: 404, detail: "unsupported" };

export function createCatalog(options: AcontextOptions): Catalog {
  const { namespace } = options;
  const requests = createRequests(options);
  const { request, walk } = requests;

  return {
    async sessionsPage(cursor) {
      const reply = await request("GET", "/session", {
        params: {
          filter_by_configs: JSON.stringify(sessionMark(namespace)),
          ...pageParams(cursor),
        },
      });
      const answer = parse(reply, datedSessionPageSchema, "read");
      if (answer.kind !== "done") return answer;
      return pageOf(answer.value, ({ id, configs, created_at: createdAt }) => {
        const originId = markedSessionId(configs, namespace);
        return originId === null ? null : { id, originId, createdAt };
      });
    },

    async labelsPage(cursor) {
      const reply = await request("GET", "/user/ls", { params: pageParams(cursor) });
      if (reply.httpStatus === 404 && !isEnvelope(reply.content)) return UNSUPPORTED;
      const answer = parse(reply, labelPageSchema, "read");
      if (answer.kind !== "done") return answer;
      return pageOf(answer.value, ({ identifier, created_at: createdAt }) => {
        const originId = labelledSessionId(identifier, namespace);
        return originId === null ? null : { originId, createdAt };
      });
    },

    async disksOf(originId) {
      const disks = new Map<string, string>();
      const end = await walk("/disk", {
        filter: { user: diskLabel(namespace, originId) },
        schema: datedDiskPageSchema,
        visit: ({ id, created_at: createdAt }) => disks.set(id, createdAt),
      });
      if (end.kind !== "done") return end;
      if (disks.size > 0) {
        const honoured = await honoursLabels(requests, namespace);
        if (honoured.kind !== "done") return honoured;
        if (!honoured.value) return UNSUPPORTED;
      }
      return {
        kind: "done",
        value: [...disks].map(([id, createdAt]) => ({ id, originId, createdAt })),
      };
    },

    async isUnused(originId) {
      const label = encodeURIComponent(diskLabel(namespace, originId));
      const reply = await request("GET", `/user/${label}/resources`);
      // This server cannot tell, so the label is not known to be unused.
      if (reply.httpStatus === 404) return { kind: "done", value: false };
      const answer = parse(reply, labelUseSchema, "read");
      if (answer.kind !== "done") return answer;
      const { sessions_count, disks_count, skills_count } = answer.value.counts;
      return { kind: "done", value: sessions_count + disks_count + skills_count === 0 };
    },

    async removeLabel(originId) {
      const label = encodeURIComponent(diskLabel(namespace, originId));
      return deletion(await request("DELETE", `/user/${label}`));
    },
  };
}

function pageParams(cursor: string | null): Record<string, string | number> {
  return { limit: PAGE_SIZE, ...(cursor === null ? {} : { cursor }) };
}

/** Keeps what `read` recognises. A page that announces more without a cursor is malformed. */
function pageOf<Item, Ours>(
  { items, has_more: more, next_cursor: cursor }: Page<Item>,
  read: (item: Item) => Ours | null,
): Outcome<CatalogPage<Ours>> {
  if (more && !cursor) return badShape("read");
  return {
    kind: "done",
    value: {
      items: items.map(read).filter((item) => item !== null),
      next: more && cursor ? cursor : null,
    },
  };
}
