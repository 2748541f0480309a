/** Deletes a session with everything it has in Acontext, or restores it within the grace period. */
import { deleteSession } from "../_acontext_sessions/core/sessions/delete_session.ts";
import { restoreSession } from "../_acontext_sessions/core/sessions/restore_session.ts";
import { user } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { wire } from "../_acontext_sessions/wiring.ts";
import { routes } from "./routes.ts";

const name = "delete-session";
const { log, deps } = wire(name);

export default {
  fetch: serve({
    name,
    auth: user,
    routes: routes({
      remove: (key) => deleteSession(deps(), key),
      restore: (key) => restoreSession(deps(), key),
    }),
    log,
  }),
};
