import { assertEquals, assertRejects } from "@std/assert/mod.js";
import {
  AppError,
  type ErrorCode,
} from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  type CreateInput,
  createSession,
} from "../../../../supabase/functions/_acontext_sessions/core/sessions/create_session.ts";
import { uuid, type World } from "../../fakes/world.ts";

/** The id that these tests choose. */
export const ID = uuid(0xabc);

export function create(world: World, input: Partial<CreateInput> = {}) {
  return createSession(world.deps, world.input(input));
}

/** The error with this code that a call ends with, by default one that chose {@link ID}. */
export async function refused(
  world: World,
  code: ErrorCode,
  input: Partial<CreateInput> = { id: ID },
): Promise<AppError> {
  const error = await assertRejects(() => world.run(create(world, input)), AppError);
  assertEquals(error.code, code);
  return error;
}
