/** All routes, and what an outage of the database makes of each. @module */

import { databaseError, JSON_TYPE, text } from "../answer.ts";
import { serveMaterial } from "../public_link.ts";
import type { Route } from "../router.ts";
import { diskForbidden } from "./artifact_answers.ts";
import { updateArtifact, upsertArtifact } from "./artifact_upsert.ts";
import { deleteArtifact, getArtifact, listArtifacts } from "./artifacts.ts";
import { createDisk, deleteDisk, diskNotFound, listDisks } from "./disks.ts";
import { loadMessages, observingStatus, tokenCounts } from "./message_load.ts";
import { storeMessage } from "./message_store.ts";
import { sessionNotFound } from "./session_answers.ts";
import { getConfigs, patchConfigs, putConfigs } from "./session_configs.ts";
import { copySession } from "./session_copy.ts";
import { createSession } from "./session_create.ts";
import { deleteSession } from "./session_delete.ts";
import { listSessions } from "./session_list.ts";
import { deleteUser, listUsers, userResources } from "./users.ts";

function broken(): Response {
  return databaseError("connection refused");
}

/** Message routes answer every failure of the database with HTTP 400. */
function brokenMessages(): Response {
  return databaseError("connection refused", 400);
}

function pong(): Response {
  return text(JSON.stringify({ code: 0, msg: "pong" }), { status: 200, type: JSON_TYPE });
}

export const ROUTES: readonly Route[] = [
  { name: "GET /ping", handle: pong, outage: pong },

  { name: "GET /session", handle: listSessions, outage: broken },
  { name: "POST /session", handle: createSession, outage: broken },
  { name: "DELETE /session/:id", handle: deleteSession, outage: sessionNotFound },
  { name: "POST /session/:id/copy", handle: copySession, outage: broken },
  { name: "GET /session/:id/configs", handle: getConfigs, outage: broken },
  { name: "PUT /session/:id/configs", handle: putConfigs, outage: broken },
  { name: "PATCH /session/:id/configs", handle: patchConfigs, outage: sessionNotFound },
  { name: "POST /session/:id/messages", handle: storeMessage, outage: brokenMessages },
  { name: "GET /session/:id/messages", handle: loadMessages, outage: brokenMessages },
  { name: "GET /session/:id/token_counts", handle: tokenCounts, outage: sessionNotFound },
  { name: "GET /session/:id/observing_status", handle: observingStatus, outage: sessionNotFound },

  { name: "GET /disk", handle: listDisks, outage: broken },
  { name: "POST /disk", handle: createDisk, outage: broken },
  { name: "DELETE /disk/:id", handle: deleteDisk, outage: diskNotFound },
  { name: "POST /disk/:id/artifact", handle: upsertArtifact, outage: diskNotFound },
  { name: "PUT /disk/:id/artifact", handle: updateArtifact, outage: diskForbidden },
  { name: "GET /disk/:id/artifact", handle: getArtifact, outage: diskForbidden },
  { name: "DELETE /disk/:id/artifact", handle: deleteArtifact, outage: diskForbidden },
  { name: "GET /disk/:id/artifact/ls", handle: listArtifacts, outage: diskForbidden },
  { name: "GET /material/:token", public: true, handle: serveMaterial, outage: broken },

  { name: "GET /user/ls", handle: listUsers, outage: broken },
  { name: "DELETE /user/:identifier", handle: deleteUser, outage: broken },
  { name: "GET /user/:identifier/resources", handle: userResources, outage: broken },
];
