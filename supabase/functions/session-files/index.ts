/** Lists, stores, links, reads and deletes the files of a session. */
import { downloadFile } from "../_acontext_sessions/core/files/download_file.ts";
import { linkFile } from "../_acontext_sessions/core/files/link_file.ts";
import { listFiles } from "../_acontext_sessions/core/files/list_files.ts";
import { removeFile } from "../_acontext_sessions/core/files/remove_file.ts";
import { uploadFile } from "../_acontext_sessions/core/files/upload_file.ts";
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
