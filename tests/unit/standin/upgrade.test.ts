import { assertEquals, assertThrows } from "@std/assert/mod.js";
import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { createAcontextStandIn } from "../../../local/acontext/standin.ts";
import { KEY, request } from "./standin.ts";

const SESSION = "0d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
const DISK = "1d8f5b1e-6f0e-4d53-9d53-1f6b8f1c2a11";
const TIME = 1_700_000_000_000_000;

/** What version 0.1.0 kept of messages, objects and files; the other tables have not changed. */
const OLD_TABLES = `
  create table messages (id text primary key, session_id text not null references sessions
    on delete cascade, role text not null, meta text not null, parts text not null,
    status text not null, created_at integer not null);
  create index messages_by_time on messages (session_id, created_at, id);
  create table objects (key text primary key, mime text not null, refs integer not null,
    data blob not null);
  create table artifacts (disk_id text not null references disks on delete cascade,
    path text not null, filename text not null, object_key text not null, mime text not null,
    size integer not null, meta text not null, created_at integer not null,
    updated_at integer not null, primary key (disk_id, path, filename)) without rowid;
`;

async function withFile(test: (stateFile: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(`${directory}/acontext.db`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Two messages, the second with a file, and the same file on a disk. */
async function makeOld(stateFile: string): Promise<void> {
  const standIn = createAcontextStandIn({ stateFile, apiKey: KEY });
  await standIn.fetch(request("POST", "/session", { json: { use_uuid: SESSION } }));
  standIn.close();
  const database = new DatabaseSync(stateFile);
  database.exec(`drop table messages; drop table objects; drop table artifacts; drop table refs;
    drop table pending_refs; ${OLD_TABLES} pragma user_version = 0;`);
  const project = String(database.prepare("select id from projects").get()?.["id"]);
  const bytes = new TextEncoder().encode("file");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const key = `assets/${project}/${sha256}.txt`;
  const mime = "text/plain";
  const asset = { bucket: "b", s3_key: key, etag: "e", sha256, mime, size_b: 4 };
  const said = [[{ type: "text", text: "hi" }], [{ type: "file", asset, filename: "a.txt" }]];
  const message = database.prepare("insert into messages values (?, ?, 'user', '{}', ?, ?, ?)");
  said.forEach((parts, index) => {
    const json = JSON.stringify(parts);
    message.run(crypto.randomUUID(), SESSION, json, "disable_tracking", TIME + index);
  });
  database.prepare("insert into objects values (?, ?, 2, ?)").run(key, mime, bytes);
  database.prepare("insert into disks values (?, ?, null, ?)").run(DISK, project, TIME);
  database.prepare("insert into artifacts values (?, '/', 'a.txt', ?, ?, 4, '{}', ?, ?)")
    .run(DISK, key, mime, TIME, TIME);
  database.close();
}

Deno.test("a state file of version 0.1.0 keeps its messages and files", () =>
  withFile(async (stateFile) => {
    await makeOld(stateFile);
    const standIn = createAcontextStandIn({ stateFile, apiKey: KEY });
    try {
      const read = async (path: string) => await (await standIn.fetch(request("GET", path))).json();
      const { data } = await read(`/session/${SESSION}/messages?format=acontext`);
      assertEquals(
        data.items.map(({ parts: [part] }: { parts: { text?: string; filename?: string }[] }) =>
          part?.text ?? part?.filename
        ),
        ["hi", "a.txt"],
      );
      const file = await read(`/disk/${DISK}/artifact?file_path=%2Fa.txt&with_content=true`);
      assertEquals(file.data.content.raw, "file");
      const content = () => {
        const { objects, leaks, losses } = standIn.control.content();
        return [objects.length, leaks, losses];
      };
      assertEquals(content(), [3, [], []]);
      // The counts are right: what is used goes with its last user.
      await standIn.fetch(request("DELETE", `/session/${SESSION}`));
      assertEquals(content(), [1, [], []]);
      await standIn.fetch(request("DELETE", `/disk/${DISK}`));
      assertEquals(content(), [0, [], []]);
    } finally {
      standIn.close();
    }
    // Once is enough.
    createAcontextStandIn({ stateFile, apiKey: KEY }).close();
  }));

Deno.test("a state file of a later version is refused, and stays as it is", () =>
  withFile((stateFile) => {
    createAcontextStandIn({ stateFile, apiKey: KEY }).close();
    const database = new DatabaseSync(stateFile);
    database.exec("pragma user_version = 99");
    assertThrows(() => createAcontextStandIn({ stateFile, apiKey: KEY }), Error, "--reset");
    assertEquals(database.prepare("pragma user_version").get()?.["user_version"], 99);
    database.close();
    return Promise.resolve();
  }));
