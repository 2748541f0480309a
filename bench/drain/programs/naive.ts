/** The obvious first version: a loop with one call after the other. @module */

import { AcontextClient } from "@acontext/acontext";
import { createClient } from "@supabase/supabase-js";
import { z } from "zod";
import { readConfig, serveDrains } from "./program.ts";

const PAGE = 500;

const rowsSchema = z.array(
  z.object({ id: z.string(), acontext_session_id: z.string(), acontext_disk_id: z.string() }),
);

const { apiUrl, secretKey, acontext } = readConfig();
const supabase = createClient(apiUrl, secretKey, { auth: { persistSession: false } });
const client = new AcontextClient(acontext);

async function drain(): Promise<void> {
  while (true) {
    const { data } = await supabase.from("bench_sessions")
      .select("id, acontext_session_id, acontext_disk_id")
      .lt("last_activity_at", new Date(Date.now() - 30 * 86_400_000).toISOString())
      .limit(PAGE).throwOnError();
    const rows = rowsSchema.parse(data);
    if (rows.length === 0) return;
    for (const row of rows) {
      await client.sessions.delete(row.acontext_session_id);
      await client.disks.delete(row.acontext_disk_id);
      await supabase.from("bench_sessions").delete().eq("id", row.id).throwOnError();
    }
  }
}

await serveDrains(() => ({ work: drain }));
