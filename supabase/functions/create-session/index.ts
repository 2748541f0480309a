/** Makes a session, its remote session and its disk; or answers the one that already has the id. */
import { createSession } from "../_shared/core/create_session.ts";
import { user } from "../_shared/http/auth.ts";
import { serve } from "../_shared/http/serve.ts";
import { wire } from "../_shared/wiring.ts";
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
