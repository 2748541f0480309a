/** A project of which one path answers as a test wants. @module */

import { withSecret } from "./vault.ts";
import type { World } from "./world.ts";

/** The project behind a gateway that answers one path itself. */
export async function behindGateway(
  world: World,
  { path, answer }: { path: string; answer: () => Response },
  use: (url: string) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    if (pathname === path && request.method !== "OPTIONS") return answer();
    const target = `${world.info.apiUrl}${pathname}${search}`;
    return fetch(new Request(target, request));
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  try {
    await withSecret(world, ["acontext_sessions_project_url", url], () => use(url));
  } finally {
    await server.shutdown();
  }
}
