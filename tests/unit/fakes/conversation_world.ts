import type { FaultRule } from "../../../local/acontext/fault_rules.ts";
import { type AcontextStandIn, createAcontextStandIn } from "../../../local/acontext/standin.ts";
import { createAcontext } from "../../../supabase/functions/_shared/acontext.ts";
import { createConversations } from "../../../supabase/functions/_shared/acontext_conversations.ts";
import { createFiles } from "../../../supabase/functions/_shared/acontext_files.ts";
import type { AcontextOptions } from "../../../supabase/functions/_shared/acontext_requests.ts";
import type { Conversations } from "../../../supabase/functions/_shared/core/conversation_ports.ts";
import type { Files } from "../../../supabase/functions/_shared/core/file_ports.ts";
import type { Acontext, Clock } from "../../../supabase/functions/_shared/core/ports.ts";
import type { StoreMessageDeps } from "../../../supabase/functions/_shared/core/store_message.ts";
import type { WriteFileDeps } from "../../../supabase/functions/_shared/core/write_files.ts";
import type { Fetch } from "../../../supabase/functions/_shared/acontext_transport.ts";
import { recordLog } from "../http_fixtures.ts";
import { KEY } from "../acontext_standin.ts";
import { FakeConversationStore } from "./conversations.ts";

const SESSION_ID = "11111111-2222-4333-8444-55555555abcd";
const USER_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

/** One session in the stand-in, through the real adapters, and in a fake database. Time moves when a test says so. */
export interface ConversationWorld {
  key: { userId: string; sessionId: string };
  diskId: string;
  standIn: AcontextStandIn;
  sessions: FakeConversationStore;
  acontext: Acontext;
  conversations: Conversations;
  files: Files;
  time: { now: number };
  deps: StoreMessageDeps & WriteFileDeps;
  events: () => string[];
  /** Requests to Acontext that `work` makes. */
  requests(work: () => Promise<unknown>): Promise<number>;
  faults(...rules: FaultRule[]): void;
}

export interface ConversationWorldOptions {
  stateFile?: string;
  /** Between the adapters and the stand-in. */
  wrap?: (fetch: Fetch) => Fetch;
}

export async function withConversation(
  test: (world: ConversationWorld) => Promise<void>,
  { stateFile = ":memory:", wrap = (fetch) => fetch }: ConversationWorldOptions = {},
): Promise<void> {
  const standIn = createAcontextStandIn({ stateFile, apiKey: KEY });
  try {
    const options: AcontextOptions = {
      apiKey: KEY,
      baseUrl: "http://acontext.test/api/v1",
      timeoutMs: 1000,
      namespace: "ns",
      fetch: wrap((url, init) => standIn.fetch(new Request(url, init))),
    };
    const acontext = createAcontext(options);
    await acontext.createSession(SESSION_ID);
    const disk = await acontext.createDisk(SESSION_ID);
    if (disk.kind !== "done") throw new Error("no disk");
    const time = { now: 0 };
    const clock: Clock = { now: () => time.now, sleep: () => Promise.resolve() };
    const sessions = new FakeConversationStore(
      clock,
      { acontextSessionId: SESSION_ID, acontextDiskId: disk.value.id },
    );
    const parts = {
      acontext,
      conversations: createConversations(options),
      files: createFiles(options),
    };
    const { log, lines } = recordLog();
    const total = () =>
      Object.values(standIn.control.audit().calls).reduce((sum, count) => sum + count, 0);
    await test({
      key: { userId: USER_ID, sessionId: SESSION_ID },
      diskId: disk.value.id,
      standIn,
      sessions,
      ...parts,
      time,
      deps: { ...parts, sessions, log, clock, random: { uuid: () => crypto.randomUUID() } },
      events: () => lines.map(({ event }) => event),
      async requests(work) {
        const before = total();
        await work();
        return total() - before;
      },
      faults: (...rules) => standIn.control.setFaults(rules),
    });
  } finally {
    standIn.close();
  }
}
