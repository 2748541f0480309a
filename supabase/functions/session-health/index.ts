/** Tells anyone whether the cleanup works, and operators everything about it. Changes nothing. */
import { optionalSecretKey } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { wire } from "../_acontext_sessions/wiring.ts";
import { routes } from "./routes.ts";

const name = "session-health";
const { log, deps, env } = wire(name);

export default {
  fetch: serve({
    name,
    auth: optionalSecretKey,
    routes: routes({
      read: () => deps().readHealth(),
      probe: () => deps().acontext.probe(),
      namespace: () => env().namespace,
      now: () => deps().clock.now(),
    }),
    log,
  }),
};
