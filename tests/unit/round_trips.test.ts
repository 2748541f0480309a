import { assertEquals } from "@std/assert/mod.js";
import { downloadFile } from "../../supabase/functions/_acontext_sessions/core/files/download_file.ts";
import { linkFile } from "../../supabase/functions/_acontext_sessions/core/files/link_file.ts";
import { listFiles } from "../../supabase/functions/_acontext_sessions/core/files/list_files.ts";
import { removeFile } from "../../supabase/functions/_acontext_sessions/core/files/remove_file.ts";
import { uploadFile } from "../../supabase/functions/_acontext_sessions/core/files/upload_file.ts";
import { countTokens } from "../../supabase/functions/_acontext_sessions/core/messages/count_tokens.ts";
import { loadMessages } from "../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import { storeMessage } from "../../supabase/functions/_acontext_sessions/core/messages/store_message.ts";
import { user } from "../../supabase/functions/_acontext_sessions/http/auth.ts";
import { serve } from "../../supabase/functions/_acontext_sessions/http/serve.ts";
import { routes as fileRoutes } from "../../supabase/functions/session-files/routes.ts";
import { routes as messageRoutes } from "../../supabase/functions/session-messages/routes.ts";
import { type MessageWorld, withMessageWorld } from "./fakes/message_world.ts";
import { recordLog, signToken, testEnv } from "./http/fixtures.ts";

const token = await signToken();

/** Both functions as they are served, but for the database. */
function serveBoth({ deps }: MessageWorld) {
  const shared = { auth: user, env: testEnv, log: recordLog().log };
  const messages = serve({
    ...shared,
    name: "session-messages",
    routes: messageRoutes({
      store: (input) => storeMessage(deps, input),
      load: (input) => loadMessages(deps, input),
      countTokens: (key) => countTokens(deps, key),
    }),
  });
  const files = serve({
    ...shared,
    name: "session-files",
    routes: fileRoutes({
      list: (input) => listFiles(deps, input),
      link: (input) => linkFile(deps, input),
      download: (input) => downloadFile(deps, input),
      upload: (input) => uploadFile(deps, input),
      remove: (input) => removeFile(deps, input),
    }),
  });
  return { messages, files };
}

function form(content: string): FormData {
  const made = new FormData();
  made.set("file", new File([content], "a.txt"));
  return made;
}

interface Trip {
  name: string;
  request: RequestInit & { path?: string; files?: boolean };
  status: number;
  database: string[];
  acontext: number;
}

const USE = ["useSession"];
const WRITE = ["beginFileWrite"];
const message = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ message: { role: "user", content: "x" } }),
};
const keyed = { ...message, headers: { ...message.headers, "idempotency-key": "k" } };
const A = "?filename=a.txt";

/** In order: what one leaves behind the next one finds. */
const TRIPS: Trip[] = [
  {
    name: "store a message",
    request: message,
    status: 201,
    database: ["beginMessage", "settleMessage"],
    acontext: 1,
  },
  {
    name: "store a message with a key",
    request: keyed,
    status: 201,
    database: ["beginMessage", "settleMessage"],
    acontext: 1,
  },
  {
    name: "store a message with a key that is stored",
    request: keyed,
    status: 200,
    database: ["beginMessage"],
    acontext: 0,
  },
  { name: "load messages", request: {}, status: 200, database: USE, acontext: 1 },
  {
    name: "load the last, edited",
    request: { path: "?last=1" },
    status: 200,
    database: USE,
    acontext: 1,
  },
  {
    name: "load the last as they are",
    request: { path: "?last=1&editStrategies=[]" },
    status: 200,
    database: USE,
    acontext: 2,
  },
  {
    name: "count tokens",
    request: { path: "/token-counts" },
    status: 200,
    database: USE,
    acontext: 1,
  },
  {
    name: "store a new file",
    request: { files: true, method: "POST", body: form("x") },
    status: 201,
    database: WRITE,
    acontext: 2,
  },
  {
    name: "replace a file",
    request: { files: true, method: "POST", body: form("xy") },
    status: 200,
    database: WRITE,
    acontext: 4,
  },
  {
    name: "replace a file by one of its size",
    request: { files: true, method: "POST", body: form("yx") },
    status: 200,
    database: WRITE,
    acontext: 5,
  },
  { name: "list files", request: { files: true }, status: 200, database: USE, acontext: 1 },
  {
    name: "link a file",
    request: { files: true, path: `/url${A}` },
    status: 200,
    database: USE,
    acontext: 1,
  },
  {
    name: "read a file",
    request: { files: true, path: `/content${A}` },
    status: 200,
    database: USE,
    acontext: 2,
  },
  {
    name: "delete a file",
    request: { files: true, path: A, method: "DELETE" },
    status: 200,
    database: WRITE,
    acontext: 2,
  },
  {
    name: "delete a file that is not there",
    request: { files: true, path: A, method: "DELETE" },
    status: 200,
    database: WRITE,
    acontext: 1,
  },
  {
    name: "link a file that is not there",
    request: { files: true, path: `/url${A}` },
    status: 404,
    database: USE,
    acontext: 2,
  },
];

Deno.test("each request makes the round trips that the documentation says", async () => {
  await withMessageWorld(async (world) => {
    const functions = serveBoth(world);
    for (const { name, request, status, database, acontext } of TRIPS) {
      const { path = "", files = false, ...init } = request;
      const called = files ? "files" : "messages";
      const headers = new Headers(init.headers);
      headers.set("authorization", `Bearer ${token}`);
      world.sessions.calls = [];
      let got = 0;
      const requests = await world.requests(async () => {
        const response = await functions[called](
          new Request(`http://x.test/session-${called}/${world.key.sessionId}${path}`, {
            ...init,
            headers,
          }),
        );
        got = response.status;
        await response.body?.cancel();
      });
      assertEquals(
        { name, status: got, database: world.sessions.calls, acontext: requests },
        { name, status, database, acontext },
      );
    }
  });
});
