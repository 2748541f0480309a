import { assertEquals, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../../../supabase/functions/_acontext_sessions/core/errors.ts";
import { downloadFile } from "../../../../supabase/functions/_acontext_sessions/core/files/download_file.ts";
import { linkFile } from "../../../../supabase/functions/_acontext_sessions/core/files/link_file.ts";
import { listFiles } from "../../../../supabase/functions/_acontext_sessions/core/files/list_files.ts";
import type {
  Files,
  RemoteFile,
} from "../../../../supabase/functions/_acontext_sessions/core/files/ports.ts";
import { removeFile } from "../../../../supabase/functions/_acontext_sessions/core/files/remove_file.ts";
import { uploadFile } from "../../../../supabase/functions/_acontext_sessions/core/files/upload_file.ts";
import type { RemoteOutcome } from "../../../../supabase/functions/_acontext_sessions/core/ports.ts";
import { type MessageWorld, withMessageWorld } from "../../fakes/message_world.ts";

const UPLOAD = "POST /disk/:id/artifact";
const PLACE = { path: "/", filename: "a.txt" };

function upload({ deps, key }: MessageWorld, text: string, files: Files = deps.files) {
  const bytes = new TextEncoder().encode(text);
  const content = { filename: "a.txt", contentType: "text/plain", bytes };
  return uploadFile({ ...deps, files }, { key, path: "/", content });
}

async function contentOf({ deps, key, standIn }: MessageWorld): Promise<string> {
  const { url } = await linkFile(deps, { key, place: PLACE, expires: 60 });
  return await (await standIn.fetch(new Request(url))).text();
}

/** An upsert that dies after deleting the old file. */
function dyingFiles({ files }: MessageWorld): Files {
  return {
    ...files,
    async put(diskId, file): Promise<RemoteOutcome<RemoteFile>> {
      if (file.stagedFor !== null) return await files.put(diskId, file);
      await files.remove(diskId, file);
      return { kind: "unknown", detail: "http_500" };
    },
  };
}

Deno.test("uploadFile() that dies half-way leaves a whole file, however often", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    for (const text of ["one", "two"]) {
      const error = await assertRejects(() => upload(world, text, dyingFiles(world)), AppError);
      assertEquals(error.code, "acontext_unavailable");
      // The first time the old file is replaced by its copy; after that there is nothing to protect.
      assertEquals(await contentOf(world), "one");
    }
    assertEquals((await upload(world, "three")).replaced, false);
    assertEquals(await contentOf(world), "three");
    const { files, directories } = await listFiles(world.deps, { key: world.key, path: "/" });
    assertEquals([files.map(({ filename }) => filename), directories], [["a.txt"], []]);
    await removeFile(world.deps, { key: world.key, place: PLACE });
    assertEquals(world.standIn.control.audit().objects, 0);
  });
});

Deno.test("uploadFile() under one name at a time stores both, one after the other, and leaves nothing behind", async () => {
  await withMessageWorld(async (world) => {
    const uploads = await Promise.all(["one", "second"].map((text) => upload(world, text)));
    assertEquals(uploads.map(({ replaced }) => replaced).toSorted(), [false, true]);
    await removeFile(world.deps, { key: world.key, place: PLACE });
    assertEquals(world.standIn.control.content(), { objects: [], leaks: [], losses: [] });
  });
});

Deno.test("readers during a replacement find the old file or the new one", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    const { files } = world;
    const seen: string[] = [];
    const look = async () => {
      seen.push(await contentOf(world));
      const { files } = await listFiles(world.deps, { key: world.key, path: "/" });
      assertEquals(files.map(({ filename }) => filename), ["a.txt"]);
    };
    const watched: Files = {
      ...files,
      async put(diskId, file) {
        await look();
        // What the server does, one step at a time.
        if (file.stagedFor === null) await files.remove(diskId, file);
        await look();
        const stored = await files.put(diskId, file);
        await look();
        return stored;
      },
    };
    await upload(world, "new", watched);
    assertEquals(seen, ["old", "old", "old", "old", "new", "new"]);
  });
});

Deno.test("a replacement that ends between two looks hides no file", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    const { files, deps, key } = world;
    // A replacement is under way: the old file is deleted, its copy is there.
    const copy = { path: "/.acontext-sessions/", filename: "copy" };
    const content = { contentType: "text/plain", bytes: new TextEncoder().encode("new") };
    const begin = async () => {
      await files.put(world.diskId, { ...copy, content, stagedFor: "a.txt" });
      await files.remove(world.diskId, PLACE);
    };
    const end = async () => {
      await files.put(world.diskId, { ...PLACE, content, stagedFor: null });
      await files.remove(world.diskId, copy);
    };
    let listed = 0;
    const racing: Files = {
      ...files,
      async list(diskId, path) {
        if (path === copy.path && listed++ === 0) await end();
        return await files.list(diskId, path);
      },
    };
    await begin();
    const list = await listFiles({ ...deps, files: racing }, { key, path: "/" });
    assertEquals(list.files.map(({ filename }) => filename), ["a.txt"]);
    listed = 0;
    await begin();
    const link = await linkFile({ ...deps, files: racing }, { key, place: PLACE, expires: 60 });
    assertEquals(link.expiresIn, 60);
  });
});

Deno.test("a file that is not found once is looked for in the list, and asked for again if it is there", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    const { files, deps, key } = world;
    let asked = 0;
    const forgetful: Files = {
      ...files,
      link: (diskId, place, expires) =>
        asked++ === 0 ? Promise.resolve({ kind: "absent" }) : files.link(diskId, place, expires),
    };
    const link = (filename: string) =>
      linkFile({ ...deps, files: forgetful }, { key, place: { path: "/", filename }, expires: 60 });
    assertEquals([(await link("a.txt")).expiresIn, asked], [60, 2]);
    asked = 0;
    const error = await assertRejects(() => link("b.txt"), AppError);
    assertEquals([error.code, asked], ["file_not_found", 1]);
  });
});

Deno.test("uploadFile() does not believe a server that kept the file elsewhere", async () => {
  await withMessageWorld(async (world) => {
    const { files } = world;
    const odd: Files = {
      ...files,
      put: (diskId, file) => files.put(diskId, { ...file, filename: `${file.filename}_` }),
    };
    const error = await assertRejects(() => upload(world, "x", odd), AppError);
    assertEquals([error.code, error.message], [
      "acontext_rejected",
      "Cannot store the file: Acontext would have kept it under another name",
    ]);
    assertEquals(world.standIn.control.audit().objects, 0, "and takes it away again");
    assertEquals(world.events(), ["file_stored_elsewhere"]);
  });
});

Deno.test("uploadFile() and removeFile() send nothing for a user who writes too often", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    world.sessions.waitMs = 1500;
    const sent = await world.requests(async () => {
      for (
        const work of [
          () => upload(world, "new"),
          () => removeFile(world.deps, { key: world.key, place: PLACE }),
        ]
      ) {
        const error = await assertRejects(work, AppError);
        assertEquals([error.code, error.retryAfterSeconds], ["rate_limited", 2]);
      }
    });
    assertEquals(sent, 0);
    assertEquals(await contentOf(world), "old");
  });
});

Deno.test("uploadFile() says what it cannot do", async () => {
  await withMessageWorld(async (world) => {
    world.faults({ route: UPLOAD, fault: { kind: "outage" } });
    const error = await assertRejects(() => upload(world, "x"), AppError);
    assertEquals(error.message, "Cannot store the file: Acontext is unavailable or overloaded");
  });
});

Deno.test("removeFile() says a file is deleted only when it is gone", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "x");
    const route = "DELETE /disk/:id/artifact";
    const remove = () => removeFile(world.deps, { key: world.key, place: PLACE });
    world.faults({ route, fault: { kind: "status", status: 500 } });
    assertEquals((await assertRejects(remove, AppError)).code, "acontext_unavailable");
    world.faults({ route, fault: { kind: "drop", when: "after" } });
    assertEquals(await remove(), { deleted: true });
    world.faults({ route: UPLOAD, fault: { kind: "outage" } });
    assertEquals(await remove(), { deleted: false });
  });
});

Deno.test("removeFile() takes a file and its copies from a directory that is too large to be listed", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "old");
    await assertRejects(() => upload(world, "new", dyingFiles(world)), AppError);
    const content = { contentType: "text/plain", bytes: new TextEncoder().encode("again") };
    await world.files.put(world.diskId, { ...PLACE, content, stagedFor: null });
    let broken = true;
    const files: Files = {
      ...world.files,
      async list(diskId, path) {
        if (path !== PLACE.path) return await world.files.list(diskId, path);
        return { kind: "unavailable", detail: "too_large" };
      },
      async remove(diskId, place) {
        if (broken && place.path === PLACE.path) return { kind: "unknown", detail: "http_500" };
        return await world.files.remove(diskId, place);
      },
    };
    const remove = () => removeFile({ ...world.deps, files }, { key: world.key, place: PLACE });
    assertEquals((await namesOn(world)).length, 2);
    assertEquals((await assertRejects(remove, AppError)).code, "acontext_unavailable");
    assertEquals(await namesOn(world), ["/a.txt"]);
    broken = false;
    assertEquals(await remove(), { deleted: true });
    assertEquals(await namesOn(world), []);
    assertEquals((await assertRejects(remove, AppError)).code, "directory_too_large");
  });
});

/** Takes the content of a file away, as a delete of another disk that is repeated does. */
async function loseContent({ deps, standIn }: MessageWorld, text: string): Promise<void> {
  const made = await deps.acontext.createDisk("11111111-2222-4333-8444-55555555dead");
  if (made.kind !== "done") throw new Error("no disk");
  const content = { contentType: "text/plain", bytes: new TextEncoder().encode(text) };
  await deps.files.put(made.value.id, { ...PLACE, content, stagedFor: null });
  const dies = { kind: "die", afterSteps: 1 } as const;
  standIn.control.setFaults([{ route: "DELETE /disk/:id", times: 1, fault: dies }]);
  assertEquals((await deps.acontext.deleteDisk(made.value.id, 1_000)).kind, "unknown");
  assertEquals((await deps.acontext.deleteDisk(made.value.id, 1_000)).kind, "done");
  assertEquals(standIn.control.content().losses.length, 1);
}

function download({ deps, key }: MessageWorld) {
  return downloadFile(deps, { key, place: PLACE });
}

async function namesOn({ deps, diskId }: MessageWorld): Promise<string[]> {
  const found = await deps.acontext.findFiles(diskId);
  return found.kind === "done" ? found.value : [];
}

Deno.test("downloadFile() says that content is lost only when the storage works", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "same");
    world.standIn.control.setStorage({ down: true });
    const out = await assertRejects(() => download(world), AppError);
    assertEquals(out.code, "acontext_unavailable");
    world.standIn.control.setStorage({ down: false });
    assertEquals(await new Response((await download(world)).stream).text(), "same");

    await loseContent(world, "same");
    world.standIn.control.setStorage({ down: true });
    assertEquals((await assertRejects(() => download(world), AppError)).code, out.code);
    world.standIn.control.setStorage({ down: false });
    const error = await assertRejects(() => download(world), AppError);
    assertEquals([error.code, error.status], ["file_content_lost", 410]);
    assertEquals(await namesOn(world), ["/a.txt"], "and leaves nothing behind");
  });
});

Deno.test("downloadFile() gives what an outage that ends just now hid", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "same");
    world.standIn.control.setStorage({ down: true });
    const files: Files = {
      ...world.files,
      put(diskId, file) {
        world.standIn.control.setStorage({ down: false });
        return world.files.put(diskId, file);
      },
    };
    const deps = { ...world.deps, files };
    const { stream } = await downloadFile(deps, { key: world.key, place: PLACE });
    assertEquals(await new Response(stream).text(), "same");
  });
});

for (const broken of ["put", "link", "open"] as const) {
  Deno.test(`downloadFile() calls nothing lost when ${broken}() of something else fails, too`, async () => {
    await withMessageWorld(async (world) => {
      await upload(world, "same");
      await loseContent(world, "same");
      const failed = { kind: "unavailable", detail: "http_500" } as const;
      let opened = 0;
      const files: Files = {
        ...world.files,
        ...(broken === "put" && { put: () => Promise.resolve(failed) }),
        ...(broken === "link" && {
          link: (diskId, place, expires) =>
            place.path === "/" ? world.files.link(diskId, place, expires) : Promise.resolve(failed),
        }),
        ...(broken === "open" && {
          open: (url) => opened++ === 1 ? Promise.resolve(failed) : world.files.open(url),
        }),
      };
      const deps = { ...world.deps, files };
      const error = await assertRejects(
        () => downloadFile(deps, { key: world.key, place: PLACE }),
        AppError,
      );
      assertEquals(error.code, "acontext_unavailable");
      assertEquals(await namesOn(world), ["/a.txt"]);
    });
  });
}

Deno.test("uploadFile() brings a file back whose content was lost", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "same");
    await loseContent(world, "same");
    const { replaced } = await upload(world, "same");
    assertEquals([replaced, await contentOf(world)], [true, "same"]);
    assertEquals(world.standIn.control.content().losses, []);
    assertEquals(await namesOn(world), ["/a.txt"]);
    // And it stays when it is replaced by the same again.
    await upload(world, "same");
    assertEquals(await contentOf(world), "same");
  });
});

Deno.test("uploadFile() touches nothing while the content of the same size cannot be read", async () => {
  await withMessageWorld(async (world) => {
    await upload(world, "same");
    world.standIn.control.setStorage({ down: true });
    const error = await assertRejects(() => upload(world, "same"), AppError);
    assertEquals(error.code, "acontext_unavailable");
    world.standIn.control.setStorage({ down: false });
    assertEquals(await contentOf(world), "same");
  });
});

Deno.test("a copy has the extension of the file that it is for", async () => {
  await withMessageWorld(async (world) => {
    const names: string[] = [];
    const files: Files = {
      ...world.files,
      put(diskId, file) {
        if (file.stagedFor !== null) names.push(file.filename);
        return world.files.put(diskId, file);
      },
    };
    for (const filename of ["a.b.TXT", "a", `a.${"x".repeat(40)}`]) {
      const content = { contentType: "text/plain", bytes: new TextEncoder().encode(filename) };
      const deps = { ...world.deps, files };
      const input = { key: world.key, path: "/", content: { filename, ...content } };
      await uploadFile(deps, input);
      await uploadFile(deps, {
        ...input,
        content: { ...input.content, bytes: new Uint8Array([65]) },
      });
    }
    assertEquals(names.map((name) => name.slice(36)), [".TXT", "", ""]);
  });
});
