/** Makes a session, its remote session and its disk; or answers the one that already has the id. */
import { createSession } from "../_acontext_sessions/core/sessions/create_session.ts";
import { user } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { wire } from "../_acontext_sessions/wiring.ts";
import { routes } from "./routes.ts";

const name = "create-session";
const { log, deps } = wire(name);

export default {
  fetch: serve({
    name,
    auth: user,
    routes: routes({ create: (input) => createSession(deps(), input) }),
    log,
  }),
};
