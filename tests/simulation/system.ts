/** The code under test, loaded from a folder, so that a changed copy can be tried. @module */

import { join, toFileUrl } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";

export const FUNCTIONS: string = join(ROOT, "supabase", "functions");

type Create =
  typeof import("../../supabase/functions/_acontext_sessions/core/sessions/create_session.ts");
type Delete =
  typeof import("../../supabase/functions/_acontext_sessions/core/sessions/delete_session.ts");
type Restore =
  typeof import("../../supabase/functions/_acontext_sessions/core/sessions/restore_session.ts");
type Sweep = typeof import("../../supabase/functions/_acontext_sessions/core/cleanup/sweep.ts");
type Reconcile =
  typeof import("../../supabase/functions/_acontext_sessions/core/reconcile/reconcile.ts");
type StoreMessage =
  typeof import("../../supabase/functions/_acontext_sessions/core/messages/store_message.ts");
type Messages = typeof import("../../supabase/functions/_acontext_sessions/acontext/messages.ts");
type UploadFile =
  typeof import("../../supabase/functions/_acontext_sessions/core/files/upload_file.ts");
type Files = typeof import("../../supabase/functions/_acontext_sessions/acontext/files.ts");
type MessageStore =
  typeof import("../../supabase/functions/_acontext_sessions/database/messages.ts");
type Acontext = typeof import("../../supabase/functions/_acontext_sessions/acontext/resources.ts");
type Catalog = typeof import("../../supabase/functions/_acontext_sessions/acontext/catalog.ts");
type SessionStore =
  typeof import("../../supabase/functions/_acontext_sessions/database/sessions.ts");
type CleanupStore =
  typeof import("../../supabase/functions/_acontext_sessions/database/cleanup.ts");
type ReconcileStore =
  typeof import("../../supabase/functions/_acontext_sessions/database/reconcile.ts");

export type System =
  & Create
  & Delete
  & Restore
  & Sweep
  & Reconcile
  & Acontext
  & Catalog
  & StoreMessage
  & Messages
  & MessageStore
  & UploadFile
  & Files
  & SessionStore
  & CleanupStore
  & ReconcileStore;

/** @param folder A copy of `supabase/functions`; the project's own when missing. */
export async function loadSystem(folder: string = FUNCTIONS): Promise<System> {
  const base = `${toFileUrl(folder).href}/_acontext_sessions/`;
  const create: Create = await import(`${base}core/sessions/create_session.ts`);
  const remove: Delete = await import(`${base}core/sessions/delete_session.ts`);
  const restore: Restore = await import(`${base}core/sessions/restore_session.ts`);
  const sweep: Sweep = await import(`${base}core/cleanup/sweep.ts`);
  const reconcile: Reconcile = await import(`${base}core/reconcile/reconcile.ts`);
  const acontext: Acontext = await import(`${base}acontext/resources.ts`);
  const catalog: Catalog = await import(`${base}acontext/catalog.ts`);
  const storing: StoreMessage = await import(`${base}core/messages/store_message.ts`);
  const messages: Messages = await import(`${base}acontext/messages.ts`);
  const messageStore: MessageStore = await import(`${base}database/messages.ts`);
  const uploading: UploadFile = await import(`${base}core/files/upload_file.ts`);
  const files: Files = await import(`${base}acontext/files.ts`);
  const sessions: SessionStore = await import(`${base}database/sessions.ts`);
  const cleanup: CleanupStore = await import(`${base}database/cleanup.ts`);
  const reconcileStore: ReconcileStore = await import(`${base}database/reconcile.ts`);
  return {
    ...create,
    ...remove,
    ...restore,
    ...sweep,
    ...reconcile,
    ...acontext,
    ...catalog,
    ...storing,
    ...messages,
    ...messageStore,
    ...uploading,
    ...files,
    ...sessions,
    ...cleanup,
    ...reconcileStore,
  };
}
