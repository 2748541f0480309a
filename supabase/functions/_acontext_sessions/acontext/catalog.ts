/**
 * The `Catalog` port: Acontext's lists, reduced to what carries this deployment's namespace.
 *
 * @module
 */
import type { Outcome } from "../core/ports.ts";
import type { Catalog, Label, Marked, Page as CatalogPage } from "../core/reconcile/ports.ts";
import { PAGE_SIZE } from "../core/resources.ts";
import { honoursLabels } from "./labels.ts";
import { badShape, deletion } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";
import {
  datedDiskSchema,
  datedSessionSchema,
  diskLabel,
  isEnvelope,
  labelledSessionId,
  labelSchema,
  labelUseSchema,
  loosePageSchema,
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
      const answer = parse(reply, loosePageSchema, "read");
      if (answer.kind !== "done") return answer;
      return pageOf(answer.value, (item): Read<Marked> => {
        const originId = markedSessionId(memberOf(item, "configs"), namespace);
        if (originId === null) {
          return typeof item === "object" && item !== null ? NOT_OURS : SKIPPED;
        }
        const { data, success } = datedSessionSchema.safeParse(item);
        return success ? { id: data.id, originId, createdAt: data.created_at } : SKIPPED;
      });
    },

    async labelsPage(cursor) {
      const reply = await request("GET", "/user/ls", { params: pageParams(cursor) });
      if (reply.httpStatus === 404 && !isEnvelope(reply.content)) return UNSUPPORTED;
      const answer = parse(reply, loosePageSchema, "read");
      if (answer.kind !== "done") return answer;
      return pageOf(answer.value, (item): Read<Label> => {
        const identifier = memberOf(item, "identifier");
        if (typeof identifier !== "string") return SKIPPED;
        const originId = labelledSessionId(identifier, namespace);
        if (originId === null) return NOT_OURS;
        const { data, success } = labelSchema.safeParse(item);
        return success ? { originId, createdAt: data.created_at } : SKIPPED;
      });
    },

    async disksOf(originId) {
      const disks = new Map<string, string>();
      let skipped = 0;
      const end = await walk("/disk", {
        filter: { user: diskLabel(namespace, originId) },
        schema: loosePageSchema,
        visit(item) {
          const { data, success } = datedDiskSchema.safeParse(item);
          if (success) disks.set(data.id, data.created_at);
          else skipped += 1;
        },
      });
      if (end.kind !== "done") return end;
      if (disks.size + skipped > 0) {
        const honoured = await honoursLabels(requests, namespace);
        if (honoured.kind !== "done") return honoured;
        if (!honoured.value) return UNSUPPORTED;
      }
      return {
        kind: "done",
        value: {
          items: [...disks].map(([id, createdAt]) => ({ id, originId, createdAt })),
          skipped,
        },
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

const NOT_OURS = "not ours";
/** Ours, or nobody knows whose: it cannot be read. One item must not hold up the rest of the list. */
const SKIPPED = "skipped";

type Read<Ours> = Ours | typeof NOT_OURS | typeof SKIPPED;

/** Keeps what `read` recognises, and counts what it cannot read. A page that announces more without a cursor is malformed. */
function pageOf<Ours>(
  { items, has_more: more, next_cursor: cursor }: Page<unknown>,
  read: (item: unknown) => Read<Ours>,
): Outcome<CatalogPage<Ours>> {
  if (more && !cursor) return badShape("read");
  const ours: Ours[] = [];
  let skipped = 0;
  for (const item of items) {
    const known = read(item);
    if (known === SKIPPED) skipped += 1;
    else if (known !== NOT_OURS) ours.push(known);
  }
  return { kind: "done", value: { items: ours, skipped, next: more && cursor ? cursor : null } };
}

function memberOf(item: unknown, name: "configs" | "identifier"): unknown {
  return typeof item === "object" && item !== null
    ? Object.entries(item).find(([key]) => key === name)?.[1]
    : undefined;
}
