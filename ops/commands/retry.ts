import { z } from "zod";
import { type Command, EXIT } from "../command.ts";
import { requireId } from "../require_id.ts";

const schema = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.enum(["due", "leased", "in_grace"]), dueInSeconds: z.int() }),
  z.object({ outcome: z.literal("not_found") }),
]);

/** Makes one failed deletion due now; the next retry run takes it up. */
export const retry: Command = async ({ api, output, args }) => {
  const id = requireId("retry", args);
  const answer = await api.rpc("acontext_retry_deletion", { p_id: id }, schema);
  output.result({ id, ...answer }, () => [describe(answer)]);
  return answer.outcome === "due" ? EXIT.ok : EXIT.degraded;
};

function describe(answer: z.infer<typeof schema>): string {
  switch (answer.outcome) {
    case "due":
      return answer.dueInSeconds === 0
        ? "Due now: the next retry run takes it up, or npm run ops -- sweep at once"
        : `Due in ${answer.dueInSeconds} s: a request may still be under way`;
    case "leased":
      return `A worker holds it, for ${answer.dueInSeconds} s at most`;
    case "in_grace":
      return `In its grace period for another ${answer.dueInSeconds} s: its owner may restore it`;
    case "not_found":
      return "No deletion has this id: it is done, or was never asked for";
  }
}
