/**
 * The obvious first version: make the session, then the disk, then insert the row. A crash in between leaks. For a fair
 * comparison it checks the token in the same way and uses the same SDK as ours.
 */
import { AcontextClient } from "@acontext/acontext";
import { withSupabase } from "@supabase/server";
import { z } from "zod";

const madeSchema = z.object({ id: z.string() });

const acontext = new AcontextClient({
  apiKey: Deno.env.get("ACONTEXT_API_KEY") ?? "",
  baseUrl: Deno.env.get("ACONTEXT_BASE_URL") ?? "",
});

// Not `sessions.create`, which rejects what today's servers answer.
async function make(path: string): Promise<string> {
  return madeSchema.parse(await acontext.request("POST", path, { jsonData: {} })).id;
}

export default {
  fetch: withSupabase({ auth: "user" }, async (_request, { supabase }) => {
    const sessionId = await make("/session");
    const diskId = await make("/disk");
    const { data, error } = await supabase
      .from("naive_sessions")
      .insert({ acontext_session_id: sessionId, acontext_disk_id: diskId })
      .select()
      .single();
    if (error) return Response.json({ message: error.message }, { status: 500 });
    return Response.json(data, { status: 201 });
  }),
};
