/**
 * The `RemoteResources` port: what is done with one session's remote resources.
 *
 * @module
 */
import { isId } from "../core/ids.ts";
import type { Outcome } from "../core/ports.ts";
import type { DiskListing, RemoteResources } from "../core/resources.ts";
import { honoursLabels } from "./labels.ts";
import { ABSENT, BAD_ID, claims, deletion } from "./outcomes.ts";
import { type AcontextOptions, createRequests, parse } from "./requests.ts";
import {
  carriesMark,
  diskLabel,
  diskPageSchema,
  diskSchema,
  fileNamesSchema,
  sessionMark,
  sessionPageSchema,
  sessionSchema,
} from "./schemas.ts";

export function createResources(options: AcontextOptions): RemoteResources {
  const { namespace } = options;
  const requests = createRequests(options);
  const { request, send, walk } = requests;

  async function remove(
    collection: string,
    remoteId: string,
    limitMs: number,
  ): Promise<Outcome<null>> {
    if (!isId(remoteId)) return BAD_ID;
    return deletion(await send("DELETE", `/${collection}/${remoteId}`, limitMs));
  }

  return {
    timeoutMs: options.timeoutMs,

    async probe() {
      // A list needs the database; `/ping` does not.
      const reply = await request("GET", "/session", { params: { limit: 1 } });
      const answer = parse(reply, sessionPageSchema, "read");
      return answer.kind === "done" ? { kind: "done", value: null } : answer;
    },

    async createSession(sessionId, { disableTaskTracking = false } = {}) {
      if (!isId(sessionId)) return BAD_ID;
      const reply = await request("POST", "/session", {
        jsonData: {
          use_uuid: sessionId,
          configs: sessionMark(namespace, sessionId),
          ...(disableTaskTracking && { disable_task_tracking: true }),
        },
      });
      const answer = parse(reply, sessionSchema, "create");
      if (answer.kind !== "done") return answer;
      // 200 is an existing session, 201 one that this call made.
      const { id, configs } = answer.value;
      if (reply.httpStatus === 200 && !carriesMark(configs, namespace, sessionId)) {
        return { kind: "rejected", status: 409, detail: "foreign_session" };
      }
      return { kind: "done", value: { id } };
    },

    async createDisk(sessionId) {
      if (!isId(sessionId)) return BAD_ID;
      const reply = await request("POST", "/disk", {
        jsonData: { user: diskLabel(namespace, sessionId) },
      });
      const answer = parse(reply, diskSchema, "create");
      if (answer.kind !== "done") return answer;
      const { id, user_id: owner } = answer.value;
      return { kind: "done", value: { id, labelled: typeof owner === "string" } };
    },

    deleteSession(remoteId, limitMs) {
      return remove("session", remoteId, limitMs);
    },

    deleteDisk(remoteId, limitMs) {
      return remove("disk", remoteId, limitMs);
    },

    async findFiles(remoteDiskId) {
      if (!isId(remoteDiskId)) return BAD_ID;
      const files: string[] = [];
      const directories = ["/"];
      for (const path of directories) {
        const reply = await request("GET", `/disk/${remoteDiskId}/artifact/ls`, {
          params: { path },
        });
        // So it says for a missing disk, a foreign one and an outage of its database.
        if (claims(reply, 403)) return ABSENT;
        // A directory so large that nobody reads it: its files go with the disk, or it would never go.
        if (reply.failure === "too_large") return ABSENT;
        const listed = parse(reply, fileNamesSchema, "read");
        if (listed.kind !== "done") return listed;
        for (const name of listed.value.files) files.push(`${path}${name}`);
        for (const name of listed.value.directories) directories.push(`${path}${name}/`);
      }
      return { kind: "done", value: files };
    },

    async deleteFile(remoteDiskId, path, limitMs) {
      if (!isId(remoteDiskId)) return BAD_ID;
      const query = new URLSearchParams({ file_path: path });
      return deletion(await send("DELETE", `/disk/${remoteDiskId}/artifact?${query}`, limitMs));
    },

    async findSessions(sessionId) {
      if (!isId(sessionId)) return BAD_ID;
      const ids = new Set<string>();
      const mark = sessionMark(namespace, sessionId);
      // A server that does not know the filter lists every session, so each is checked and all pages are read.
      const end = await walk("/session", {
        filter: { filter_by_configs: JSON.stringify(mark) },
        schema: sessionPageSchema,
        visit({ id, configs }) {
          if (carriesMark(configs, namespace, sessionId)) ids.add(id);
        },
      });
      if (end.kind !== "done") return end;
      // A copy of a session carries its mark, too. Where the session has the id that we gave it, the others are copies.
      return { kind: "done", value: { ids: ids.has(sessionId) ? [sessionId] : [...ids] } };
    },

    async findDisks(sessionId): Promise<Outcome<DiskListing>> {
      if (!isId(sessionId)) return BAD_ID;
      const ids = new Set<string>();
      const end = await walk("/disk", {
        filter: { user: diskLabel(namespace, sessionId) },
        schema: diskPageSchema,
        visit: ({ id }) => ids.add(id),
      });
      if (end.kind !== "done") return end;
      if (ids.size === 0) return { kind: "done", value: { filtered: true, ids: [] } };
      const honoured = await honoursLabels(requests, namespace);
      return honoured.kind === "done"
        ? { kind: "done", value: { filtered: honoured.value, ids: [...ids] } }
        : honoured;
    },
  };
}
