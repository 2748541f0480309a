/** The compiler runs these tests: an answer's schema that differs from the type of what is answered is no `true`. */
import { assertEquals } from "@std/assert/mod.js";
import type { z } from "zod";
import type * as wire from "../../../client/src/wire.ts";
import type * as answers from "../../../supabase/functions/_acontext_sessions/contract/answers.ts";
import type { editStrategy } from "../../../supabase/functions/_acontext_sessions/contract/messages.ts";
import type { createSessionBody } from "../../../supabase/functions/_acontext_sessions/contract/sessions.ts";
import type { SweepReport } from "../../../supabase/functions/_acontext_sessions/core/cleanup/sweep.ts";
import type { ErrorCode } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import type { FileView } from "../../../supabase/functions/_acontext_sessions/core/files/ports.ts";
import type { LoadedMessages } from "../../../supabase/functions/_acontext_sessions/core/messages/load_messages.ts";
import type { StoredMessage } from "../../../supabase/functions/_acontext_sessions/core/messages/ports.ts";
import type { ReconcileReport } from "../../../supabase/functions/_acontext_sessions/core/reconcile/reconcile.ts";
import type { SessionView } from "../../../supabase/functions/_acontext_sessions/core/sessions/ports.ts";

/** Both ways, so that neither side has an alternative more. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;

Deno.test("the schemas of answers are the types that the functions answer with", () => {
  const same: [
    Same<z.output<typeof answers.session>, SessionView>,
    Same<z.output<typeof answers.sweepReport>, SweepReport>,
    Same<z.output<typeof answers.reconcileReport>, ReconcileReport>,
    Same<z.output<typeof answers.storedMessage>, StoredMessage>,
    Same<z.output<typeof answers.messagePage>, LoadedMessages>,
    Same<z.output<typeof answers.fileView>, FileView>,
  ] = [true, true, true, true, true, true];
  assertEquals(new Set(same), new Set([true]));
});

Deno.test("the client's types are those of the schemas", () => {
  const same: [
    Same<wire.Session, z.input<typeof answers.session>>,
    Same<wire.CreateSessionBody, z.input<typeof createSessionBody>>,
    Same<wire.DeleteAnswer, z.input<typeof answers.deleteAnswer>>,
    Same<wire.StoredMessage, z.input<typeof answers.storedMessage>>,
    Same<wire.EditStrategy, z.input<typeof editStrategy>>,
    Same<wire.FileView, z.input<typeof answers.fileView>>,
    Same<wire.Directory, z.input<typeof answers.directory>>,
    Same<wire.FileLink, z.input<typeof answers.fileLink>>,
    Same<wire.FileDeletion, z.input<typeof answers.fileDeletion>>,
    Same<wire.TokenCount, z.input<typeof answers.tokenCount>>,
    Same<wire.ErrorCode, ErrorCode>,
  ] = [true, true, true, true, true, true, true, true, true, true, true];
  assertEquals(new Set(same), new Set([true]));
});
