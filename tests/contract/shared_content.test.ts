/**
 * Content is stored once per project, found by its hash and counted by reference; counts go down outside the transaction
 * that deletes the rows. What that means for others, and what it does not mean for what we do.
 *
 * Whether a request is broken off at a harmful moment is chance: what shows a harm tries until it is seen.
 */
import { assertEquals, assertGreater, assertRejects } from "@std/assert/mod.js";
import { AppError } from "../../supabase/functions/_acontext_sessions/core/errors.ts";
import { eventually } from "../support/eventually.ts";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest, standInTest } from "./harness.ts";
import { deleteDiskOurWay, filesOurWay } from "./our_way.ts";
import { artifactListSchema, loadedSchema } from "./shapes.ts";

const SHARED = 8;
const OWN = 24;
/** Contents like no others. */
function contents(count: number): string[] {
  return Array.from({ length: count }, () => crypto.randomUUID());
}

async function uploadAll(api: Api, diskId: string, texts: string[]): Promise<void> {
  await Promise.all(texts.map((text) => api.upload(diskId, `/${text}.bin`, text)));
}

/** How many of these links lead to nothing. */
async function lostAmong(links: Iterable<string>): Promise<number> {
  let lost = 0;
  for (const link of links) {
    const response = await fetch(link);
    await response.body?.cancel();
    if (response.status !== 200) lost += 1;
  }
  return lost;
}

async function lostFiles(api: Api, diskId: string, texts: string[]): Promise<number> {
  return await lostAmong(
    await Promise.all(texts.map((text) => api.fileLink(diskId, `/${text}.bin`))),
  );
}

/** Sends a delete, hangs up after `ms`, and sends it again. Resolves to false when it had ended by then. */
async function breakOffAndRepeat(api: Api, path: string, ms: number): Promise<boolean> {
  const signal = AbortSignal.timeout(ms);
  const ended = await api.call("DELETE", path, { signal }).then(() => true, () => false);
  if (ended) return false;
  const { status } = await api.call("DELETE", path);
  assertEquals([200, 404].includes(status), true, `${status}`);
  return status === 200;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await work();
  return performance.now() - from;
}

/**
 * The counts of messages reach the database within a second of their store; those of a burst may wait for the next store of
 * the project.
 */
async function untilCounted(api: Api): Promise<void> {
  const last = Date.now();
  await eventually("a full second has passed", () => Date.now() - last > 1_100);
  await api.say(await api.session(), crypto.randomUUID());
  const from = Date.now();
  await eventually("two full seconds have passed", () => Date.now() - from > 2_100);
}

/** Two disks that share files; one has files of its own, too. */
async function twoDisks(api: Api) {
  const label = `${api.mark}:${crypto.randomUUID()}`;
  const [victim, live, shared] = [await api.disk(label), await api.disk(), contents(SHARED)];
  await uploadAll(api, live, shared);
  await uploadAll(api, victim, [...shared, ...contents(OWN)]);
  return { victim, live, shared };
}

contractTest(
  "a disk delete that is broken off and repeated takes files of another disk",
  async (api) => {
    api.slowDown();
    const first = await twoDisks(api);
    let ms = await timed(() => api.call("DELETE", `/disk/${first.victim}`));
    assertEquals(await lostFiles(api, first.live, first.shared), 0, "not when it ends");
    let lost = 0;
    for (let round = 0; round < 20 && lost === 0; round++) {
      const { victim, live, shared } = await twoDisks(api);
      // Too late is when it had ended, and too early when nothing was counted down yet.
      ms *= await breakOffAndRepeat(api, `/disk/${victim}`, ms) ? 1.15 : 0.8;
      lost = await lostFiles(api, live, shared);
      // The other disk's list does not tell.
      const list = await api.call("GET", `/disk/${live}/artifact/ls`);
      assertEquals(dataOf(list, artifactListSchema).artifacts.length, SHARED);
    }
    assertGreater(lost, 0);
  },
);

contractTest(
  "a disk that is deleted file by file takes none, however often it is broken off",
  async (api) => {
    api.slowDown();
    let attempts = 0;
    for (let round = 0; round < 3; round++) {
      const { victim, live, shared } = await twoDisks(api);
      const probe = `/${shared[0]}-probe.bin`;
      await api.upload(victim, probe, crypto.randomUUID());
      const query = { file_path: probe };
      const one = await timed(() => api.call("DELETE", `/disk/${victim}/artifact`, { query }));
      let sent = 0;
      const breaking = (url: string, init: RequestInit): Promise<Response> => {
        if (init.method !== "DELETE" || sent++ % 3 !== 1) return fetch(url, init);
        // At any moment from the first to the last.
        const gone = AbortSignal.timeout(Math.random() * one);
        return fetch(url, { ...init, signal: gone });
      };
      const disk = { id: victim, originId: crypto.randomUUID() };
      attempts += await deleteDiskOurWay(api, disk, breaking);
      assertEquals(await lostFiles(api, live, shared), 0);
    }
    assertGreater(attempts, 3, "some were broken off");
  },
);

contractTest("two deletes of one disk at once take files of another disk", async (api) => {
  api.slowDown();
  let lost = 0;
  for (let round = 0; round < 5 && lost === 0; round++) {
    const { victim, live, shared } = await twoDisks(api);
    const answers = await Promise.all([1, 2].map(() => api.call("DELETE", `/disk/${victim}`)));
    assertEquals(answers.map(({ status }) => status).includes(200), true);
    lost = await lostFiles(api, live, shared);
  }
  assertGreater(lost, 0);
});

contractTest(
  "a file whose content is gone comes back when it is removed and uploaded",
  async (api) => {
    const { live, shared } = await withLostFile(api);
    const [text = ""] = shared;
    const path = `/${text}.bin`;
    // Uploaded under another name first, as a copy, it is counted; the replaced record then takes that count away.
    await api.upload(live, `/copy/${text}.bin`, text);
    await api.upload(live, path, text);
    const query = { file_path: `/copy/${text}.bin` };
    assertEquals((await api.call("DELETE", `/disk/${live}/artifact`, { query })).status, 200);
    assertEquals(await lostFiles(api, live, [text]), 1, "gone with the copy");

    const removed = await api.call("DELETE", `/disk/${live}/artifact`, {
      query: { file_path: path },
    });
    assertEquals(codesOf(removed), [200, 0]);
    assertEquals((await api.upload(live, path, text)).status, 201);
    assertEquals(await lostFiles(api, live, [text]), 0);
  },
);

contractTest("this project says that such content is lost, and brings it back", async (api) => {
  const { live, shared } = await withLostFile(api);
  const [text = ""] = shared;
  const { download, upload } = filesOurWay(api, live);
  const error = await assertRejects(() => download(`${text}.bin`), AppError);
  assertEquals(error.code, "file_content_lost");
  const list = await api.call("GET", `/disk/${live}/artifact/ls`);
  const { artifacts, directories } = dataOf(list, artifactListSchema);
  assertEquals([artifacts.length, directories], [1, []]);
  assertEquals(await upload(`${text}.bin`, text), { replaced: true });
  assertEquals(await download(`${text}.bin`), text);
});

/** A disk with one file, whose content went with another disk. */
async function withLostFile(api: Api) {
  api.slowDown();
  for (let round = 0; round < 10; round++) {
    const [victim, live, shared] = [await api.disk(), await api.disk(), contents(1)];
    await uploadAll(api, live, shared);
    await uploadAll(api, victim, [...shared, ...contents(OWN)]);
    await Promise.all([1, 2].map(() => api.call("DELETE", `/disk/${victim}`)));
    if (await lostFiles(api, live, shared) === 1) return { live, shared };
  }
  throw new Error("Cannot lose a file");
}

contractTest(
  "two deletes of one session at once take attachments of another session",
  async (api) => {
    api.slowDown();
    const pair = async () => {
      const [victim, live, shared] = [await api.session(), await api.session(), contents(SHARED)];
      await api.attach(live, shared);
      await api.attach(victim, [...shared, ...contents(OWN)]);
      return { victim, live };
    };
    const pairs = await Promise.all(Array.from({ length: 6 }, pair));
    await untilCounted(api);
    let lost = 0;
    for (const [index, { victim, live }] of pairs.entries()) {
      const deletes = index === 0 ? [1] : [1, 2];
      const path = `/session/${victim}`;
      const answers = await Promise.all(deletes.map(() => api.call("DELETE", path)));
      assertEquals(answers.map(({ status }) => status).includes(200), true);
      lost = await lostAmong((await api.attachmentLinks(live)).values());
      if (index === 0) assertEquals(lost, 0, "one takes none");
      if (lost > 0) break;
    }
    assertGreater(lost, 0);
  },
);

contractTest(
  "what is stored while its last other user is deleted is lost, and not when it has been counted",
  async (api) => {
    const share = async () => {
      const [old, text] = [await api.session(), contents(1)];
      await api.attach(old, text);
      return { old, text };
    };
    const rounds = await Promise.all(Array.from({ length: 6 }, share));
    await untilCounted(api);
    let lost = 0;
    for (const [index, { old, text }] of rounds.entries()) {
      const live = await api.session();
      await api.attach(live, text);
      if (index === 0) await untilCounted(api);
      assertEquals((await api.call("DELETE", `/session/${old}`)).status, 200);
      lost = await lostAmong((await api.attachmentLinks(live)).values());
      if (index === 0) assertEquals(lost, 0, "counted");
      if (lost > 0) break;
    }
    assertGreater(lost, 0);
  },
);

// What a message says is read from a cache for an hour, whatever became of it: only the stand-in can be told to forget.
for (const [form, lost] of [["equal", true], ["unlike", false]] as const) {
  standInTest(
    `a broken delete ${lost ? "takes" : "leaves"} messages of another session that are ${form}`,
    async (api) => {
      const [victim, live] = [await api.session(), await api.session()];
      const blob = (nonce: string) => ({
        role: "user",
        parts: [{ type: "text", text: "hi", ...(lost ? {} : { meta: { nonce } }) }],
      });
      for (const id of [live, victim]) {
        const json = { format: "acontext", blob: blob(crypto.randomUUID()) };
        await api.call("POST", `/session/${id}/messages`, { json });
      }
      await untilCounted(api);
      api.control.setFaults([{
        route: "DELETE /session/:id",
        times: 1,
        fault: { kind: "die", afterSteps: 2 },
      }]);
      await api.call("DELETE", `/session/${victim}`).catch(() => {});
      assertEquals((await api.call("DELETE", `/session/${victim}`)).status, 200);
      api.control.forgetCache();
      const loaded = await api.call("GET", `/session/${live}/messages`);
      assertEquals(dataOf(loaded, loadedSchema).items.length, lost ? 0 : 1);
    },
  );
}
