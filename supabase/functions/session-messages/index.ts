/** Stores the messages of a session, loads them and counts their tokens. */
import { MAX_BODY_BYTES } from "../_acontext_sessions/contract/messages.ts";
import { countTokens } from "../_acontext_sessions/core/messages/count_tokens.ts";
import { loadMessages } from "../_acontext_sessions/core/messages/load_messages.ts";
import { storeMessage } from "../_acontext_sessions/core/messages/store_message.ts";
import { user } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { wireMessages } from "../_acontext_sessions/wiring_messages.ts";
import { routes } from "./routes.ts";

const name = "session-messages";
const { log, deps } = wireMessages(name);

export default {
  fetch: serve({
    name,
    auth: user,
    routes: routes({
      store: (input) => storeMessage(deps(), input),
      load: (input) => loadMessages(deps(), input),
      countTokens: (key) => countTokens(deps(), key),
    }),
    maxBodyBytes: MAX_BODY_BYTES,
    log,
  }),
};
