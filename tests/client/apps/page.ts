/**
 * The calls of a page whose app traces its requests, wants them run in a region and adds headers of its own to all of
 * them. Run in a browser.
 *
 * @module
 */
import "@supabase/supabase-js/tracing";
import { propagation } from "@opentelemetry/api";
import { createClient, FunctionRegion, FunctionsHttpError } from "@supabase/supabase-js";
import { createSessionsClient, SessionsError } from "acontext-sessions-client";

const TRACE = {
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  tracestate: "vendor=1",
  baggage: "tenant=7",
};

/** As a tracing SDK does that is inside a trace. */
function startTracing() {
  propagation.setGlobalPropagator({
    inject(_context, carrier, setter) {
      for (const [name, value] of Object.entries(TRACE)) setter.set(carrier, name, value);
    },
    extract: (context) => context,
    fields: () => Object.keys(TRACE),
  });
}

function connect(apiUrl: string, publishableKey: string) {
  return createClient(apiUrl, publishableKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: { headers: { "x-my-app": "7", "sentry-trace": "x" } },
    tracePropagation: { enabled: true },
  });
}

/** What a page can tell of an error: nothing but "network_error 0", unless its answer may be read. */
async function outcome(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return "done";
  } catch (error) {
    if (!(error instanceof SessionsError)) throw error;
    const { code, status, requestId, retryAfter } = error;
    return `${code} ${status} ${requestId === null ? "without" : "with"} id, ${retryAfter}`;
  }
}

/** `brokenUrl` is a project whose functions throw. */
export async function play(
  apiUrl: string,
  publishableKey: string,
  brokenUrl: string,
): Promise<string[]> {
  startTracing();
  const supabase = connect(apiUrl, publishableKey);
  const { error } = await supabase.auth.signInAnonymously();
  if (error) throw error;
  const happened: string[] = [];

  // Through the client, which knows no regions: a header of the app tells the platform.
  const { sessions, messages, files } = createSessionsClient(supabase, { retries: 0 });
  const { id } = await sessions.create({ title: "Far away" });
  await messages.store(id, { role: "user", content: "Hi" });
  happened.push(String((await messages.load(id)).messages.length));
  const text = new Blob(["text"], { type: "text/plain" });
  const file = await files.upload(id, text, { filename: "a.txt" });
  happened.push(await (await files.download(id, file)).text());

  // In a region, every function and every query.
  const region = FunctionRegion.EuWest1;
  const calls: [path: string, method: "GET" | "POST" | "DELETE"][] = [
    ["create-session", "POST"],
    [`session-messages/${id}?limit=1`, "GET"],
    [`session-messages/${id}/token-counts`, "GET"],
    [`session-files/${id}?path=/`, "GET"],
    [`session-files/${id}/url?filename=a.txt`, "GET"],
    [`session-files/${id}/content?filename=a.txt`, "GET"],
    [`session-files/${id}?filename=a.txt`, "DELETE"],
    ["session-health", "GET"],
    ["session-health?format=prometheus", "GET"],
    [`delete-session/${id}`, "DELETE"],
    // A page has no secret key, but it can read the refusal.
    ["cleanup-sessions", "POST"],
  ];
  for (const [path, method] of calls) {
    const { error } = await supabase.functions.invoke(path, { method, region });
    if (error === null) continue;
    happened.push(
      error instanceof FunctionsHttpError
        ? `${path} ${error.context.status} ${(await error.context.json()).code}`
        : `${path} ${error}`,
    );
  }

  const { id: other } = await sessions.create();
  const large = (bytes: number) => new Blob([new Uint8Array(bytes)]);
  happened.push(
    await outcome(() => sessions.create({ metadata: { a: "x".repeat(70_000) } })),
    await outcome(() => files.upload(other, large(17 * 1024 * 1024), { filename: "b" })),
    await outcome(() => files.list(other, { path: "/down/" })),
  );
  await supabase.auth.signOut();
  happened.push(await outcome(() => sessions.create()));
  const broken = createSessionsClient(connect(brokenUrl, publishableKey), { retries: 0 });
  happened.push(await outcome(() => broken.sessions.create()));
  return happened;
}
