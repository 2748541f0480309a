import type { FaultRule } from "../../../local/acontext/fault_rules.ts";
import { type AcontextStandIn, createAcontextStandIn } from "../../../local/acontext/standin.ts";
import { createFiles } from "../../../supabase/functions/_acontext_sessions/acontext/files.ts";
import { createMessages } from "../../../supabase/functions/_acontext_sessions/acontext/messages.ts";
import type { AcontextOptions } from "../../../supabase/functions/_acontext_sessions/acontext/requests.ts";
import { createResources } from "../../../supabase/functions/_acontext_sessions/acontext/resources.ts";
import type { Fetch } from "../../../supabase/functions/_acontext_sessions/acontext/transport.ts";
import type { Files } from "../../../supabase/functions/_acontext_sessions/core/files/ports.ts";
import type { FileContentDeps } from "../../../supabase/functions/_acontext_sessions/core/files/open_disk.ts";
import type { Messages } from "../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { StoreMessageDeps } from "../../../supabase/functions/_acontext_sessions/core/messages/store_message.ts";
import type { Clock } from "../../../supabase/functions/_acontext_sessions/core/ports.ts";
import type { RemoteResources } from "../../../supabase/functions/_acontext_sessions/core/resources.ts";
import { recordLog } from "../http/fixtures.ts";
import { KEY } from "../standin/standin.ts";
import { FakeMessageStore } from "./messages.ts";

const SESSION_ID = "11111111-2222-4333-8444-55555555abcd";
const USER_ID = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";

/** One session in the stand-in, through the real adapters, and in a fake database. Time moves when a test says so. */
export interface MessageWorld {
  key: { userId: string; sessionId: string };
  diskId: string;
  standIn: AcontextStandIn;
  sessions: FakeMessageStore;
  acontext: RemoteResources;
  messages: Messages;
  files: Files;
  time: { now: number };
  deps: StoreMessageDeps & FileContentDeps;
  events: () => string[];
  /** Requests to Acontext that `work` makes. */
  requests(work: () => Promise<unknown>): Promise<number>;
  faults(...rules: FaultRule[]): void;
}

export interface MessageWorldOptions {
  stateFile?: string;
  /** Between the adapters and the stand-in. */
  wrap?: (fetch: Fetch) => Fetch;
}

export async function withMessageWorld(
  test: (world: MessageWorld) => Promise<void>,
  { stateFile = ":memory:", wrap = (fetch) => fetch }: MessageWorldOptions = {},
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
    const acontext = createResources(options);
    await acontext.createSession(SESSION_ID);
    const disk = await acontext.createDisk(SESSION_ID);
    if (disk.kind !== "done") throw new Error("no disk");
    const time = { now: 0 };
    const clock: Clock = {
      now: () => time.now,
      // No time passes by itself: what waits beside other work waits until that ends.
      sleep: (_ms, signal) =>
        signal === undefined
          ? Promise.resolve()
          : new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    };
    const sessions = new FakeMessageStore(
      clock,
      { acontextSessionId: SESSION_ID, acontextDiskId: disk.value.id },
    );
    const parts = {
      acontext,
      messages: createMessages(options),
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
