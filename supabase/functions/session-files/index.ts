/** Lists, stores, links, reads and deletes the files of a session. */
import { downloadFile, linkFile, listFiles } from "../_acontext_sessions/core/files/read_files.ts";
import { removeFile, uploadFile } from "../_acontext_sessions/core/files/write_files.ts";
import { user } from "../_acontext_sessions/http/auth.ts";
import { serve } from "../_acontext_sessions/http/serve.ts";
import { wire } from "../_acontext_sessions/wiring.ts";
import { routes } from "./routes.ts";

const name = "session-files";
const { log, deps } = wire(name);

export default {
  fetch: serve({
    name,
    auth: user,
    routes: routes({
      list: (input) => listFiles(deps(), input),
      link: (input) => linkFile(deps(), input),
      download: (input) => downloadFile(deps(), input),
      upload: (input) => uploadFile(deps(), input),
      remove: (input) => removeFile(deps(), input),
    }),
    log,
  }),
};
