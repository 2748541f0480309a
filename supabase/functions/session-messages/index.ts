/** Stores the messages of a session, loads them and counts their tokens. */
import { countTokens, loadMessages } from "../_shared/core/load_messages.ts";
import { storeMessage } from "../_shared/core/store_message.ts";
import { MAX_BODY_BYTES } from "../_shared/contract_messages.ts";
import { user } from "../_shared/http/auth.ts";
import { serve } from "../_shared/http/serve.ts";
import { wire } from "../_shared/wiring.ts";
import { routes } from "./routes.ts";

const name = "session-messages";
const { log, deps } = wire(name);

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
