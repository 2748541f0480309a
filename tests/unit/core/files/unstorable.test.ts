import { assertEquals } from "@std/assert/mod.js";
import { READ_AS_TEXT } from "../../../../local/acontext/media_types.ts";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { removeFile } from "../../../../supabase/functions/_acontext_sessions/core/files/remove_file.ts";
import { uploadFile } from "../../../../supabase/functions/_acontext_sessions/core/files/upload_file.ts";
import { type MessageWorld, withMessageWorld } from "../../fakes/message_world.ts";

async function upload({ deps, key }: MessageWorld, filename: string, ...bytes: number[]) {
  const content = { filename, contentType: "text/plain", bytes: new Uint8Array(bytes) };
  try {
    return (await uploadFile(deps, { key, path: "/", content })).file.size;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.code;
  }
}

Deno.test("a text with NUL bytes is refused before anything is asked, and replaces nothing", async () => {
  await withMessageWorld(async (world) => {
    assertEquals(await upload(world, "a.txt", 97), 1);
    const { objects } = world.standIn.control.content();
    const asked = await world.requests(async () => {
      for (
        const name of [
          "A.TXT",
          "a.b.json",
          ...READ_AS_TEXT.map((extension) => `a${extension}`),
        ]
      ) {
        assertEquals(await upload(world, name, 97, 0), "file_unstorable", name);
      }
      // By its byte order mark, whatever its name.
      assertEquals(await upload(world, "a.bin", 0xff, 0xfe, 97, 0), "file_unstorable");
      assertEquals(await upload(world, "a", 0xfe, 0xff, 0, 97), "file_unstorable");
    });
    assertEquals(asked, 0);
    assertEquals(world.sessions.calls.length, 1);
    assertEquals(world.standIn.control.content(), { objects, leaks: [], losses: [] });
    for (const name of ["a.bin", "a", "a.toml", "txt"]) {
      assertEquals(await upload(world, name, 97, 0), 2, name);
    }
    // Half a mark is none.
    for (const half of [[97, 0xff], [0xfe, 97], [97, 0xfe], [0xff, 97], [0xff, 0xff]]) {
      assertEquals(await upload(world, "a.bin", ...half, 0), 3, half.join());
    }
  });
});

Deno.test("the stand-in answers such an upload as the server does: always 500, with an object left", async () => {
  await withMessageWorld(async ({ files, diskId, standIn }) => {
    const content = { contentType: "text/plain", bytes: new Uint8Array([97, 0]) };
    const place = { path: "/", filename: "a.txt", stagedFor: null };
    assertEquals(await files.put(diskId, { ...place, content }), {
      kind: "unknown",
      detail: "http_500",
    });
    const { objects, leaks } = standIn.control.content();
    assertEquals([objects.length, leaks], [1, objects]);
  });
});

Deno.test("a delete of a file is a write, and so is an upload", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "a.txt", 97);
    await removeFile(world.deps, { key: world.key, place: { path: "/", filename: "a.txt" } });
    assertEquals(world.sessions.calls, ["beginFileWrite", "beginFileWrite"]);
  });
});
