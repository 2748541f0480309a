/** The control interface over HTTP: `/_control/…`, without a key; the server listens on 127.0.0.1 only. @module */

import { z } from "zod";
import {
  ageSchema,
  connectionsSchema,
  type Control,
  markedInputSchema,
  messageIdSchema,
  projectInputSchema,
  skillInputSchema,
  storageSchema,
  versionSchema,
} from "./control.ts";
import { faultRuleSchema } from "./fault_rules.ts";

type Action = (control: Control, body: unknown) => unknown;

const ACTIONS: Record<string, Action> = {
  "GET /audit": (control) => control.audit(),
  "GET /faults": (control) => control.faults(),
  "PUT /faults": (control, body) => {
    control.setFaults(z.array(faultRuleSchema).parse(body));
    return control.faults();
  },
  "DELETE /faults": (control) => {
    control.clearFaults();
    return [];
  },
  "POST /reset": (control) => {
    control.reset();
    return {};
  },
  "POST /age": (control, body) => {
    control.age(ageSchema.parse(body).seconds);
    return {};
  },
  "PUT /version": (control, body) => {
    const { version } = versionSchema.parse(body);
    control.setVersion(version);
    return { version };
  },
  "GET /content": (control) => control.content(),
  "PUT /storage": (control, body) => {
    control.setStorage(storageSchema.parse(body));
    return {};
  },
  "PUT /connections": (control, body) => {
    control.setConnections(connectionsSchema.parse(body).count);
    return {};
  },
  "POST /lose-message": (control, body) => {
    control.loseMessage(messageIdSchema.parse(body).id);
    return {};
  },
  "POST /forget-cache": (control) => {
    control.forgetCache();
    return {};
  },
  "POST /skills": (control, body) => control.createSkill(skillInputSchema.parse(body ?? {})),
  "POST /sessions": (control, body) => {
    control.createMarked(markedInputSchema.parse(body));
    return {};
  },
  "POST /projects": (control, body) => ({
    projectId: control.createProject(projectInputSchema.parse(body).apiKey),
  }),
};

export const CONTROL_PREFIX = "/_control";

export async function answerControl(request: Request, control: Control): Promise<Response> {
  const path = new URL(request.url).pathname.slice(CONTROL_PREFIX.length);
  const action = ACTIONS[`${request.method} ${path}`];
  if (action === undefined) return Response.json({ error: "unknown control" }, { status: 404 });
  try {
    const text = await request.text();
    return Response.json(action(control, text === "" ? undefined : JSON.parse(text)));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return Response.json({ error: message }, { status: 400 });
  }
}
