/**
 * What the object storage behind the server means for messages and files.
 *
 * Nothing of a server's API shows what stays behind in its storage and its cache, and how many deletes it bears is not to be
 * tried on one that others use.
 */
import { assertEquals, assertGreater } from "@std/assert/mod.js";
import { z } from "zod";
import { type Api, codesOf, dataOf } from "./api.ts";
import { contractTest, type StandInApi, standInTest } from "./harness.ts";
import { gotArtifactSchema, loadedSchema, sessionSchema } from "./shapes.ts";

async function load(api: Api, id: string, query: Record<string, string | number> = {}) {
  const loaded = dataOf(await api.call("GET", `/session/${id}/messages`, { query }), loadedSchema);
  return { ...loaded, texts: loaded.items.map(({ content }) => content) };
}

contractTest("the time that a delete takes grows with the messages", async (api) => {
  api.slowDown();
  const sessions: [string, number][] = [];
  for (const messages of [1, 60, 1, 60, 1]) {
    const id = await api.session();
    await Promise.all(Array.from({ length: messages }, () => api.say(id, crypto.randomUUID())));
    sessions.push([id, messages]);
  }
  const fastest = new Map<number, number>();
  for (const [id, messages] of sessions) {
    const from = performance.now();
    assertEquals((await api.call("DELETE", `/session/${id}`)).status, 200);
    const took = performance.now() - from;
    fastest.set(messages, Math.min(took, fastest.get(messages) ?? Infinity));
  }
  assertGreater(fastest.get(60) ?? 0, 2 * (fastest.get(1) ?? Infinity));
});

contractTest(
  "a text with NUL bytes is a 500, always, and takes the file that it replaces, unless Acontext encrypts",
  async (api) => {
    const id = await api.disk();
    const query = { file_path: "/a.txt" };
    const nul = "a\0b";
    assertEquals((await api.upload(id, "/a.bin", nul)).status, 201);
    assertEquals((await api.upload(id, "/a.txt", "good")).status, 201);
    const first = await api.upload(id, "/a.txt", nul);
    const got = () => api.call("GET", `/disk/${id}/artifact`, { query });
    if (first.status === 201) {
      assertEquals(await (await fetch(await api.fileLink(id, "/a.txt"))).text(), nul);
      return;
    }
    assertEquals(codesOf(first), [500, 500]);
    assertEquals(codesOf(await got()), [404, 500]);
    assertEquals(codesOf(await api.upload(id, "/a.txt", nul)), [500, 500]);
    assertEquals(codesOf(await got()), [404, 500]);
  },
);

contractTest(
  "a copy of a session has its configs and its messages, and survives it",
  async (api) => {
    const id = await api.session();
    await api.say(id, "one");
    await api.say(id, "two");
    const answer = await api.call("POST", `/session/${id}/copy`);
    assertEquals(answer.status, 200);
    const copied = z.object({ old_session_id: z.uuid(), new_session_id: z.uuid() });
    const { old_session_id, new_session_id: copy } = dataOf(answer, copied);
    api.remember("session", copy);
    assertEquals(old_session_id, id);
    const { configs } = dataOf(await api.call("GET", `/session/${copy}/configs`), sessionSchema);
    assertEquals(configs, { contract: api.mark });
    // All of one time, so in any order.
    assertEquals((await load(api, copy)).texts.toSorted(), ["one", "two"]);
    await api.call("DELETE", `/session/${id}`);
    assertEquals((await load(api, copy)).texts.toSorted(), ["one", "two"]);
  },
);

// The storage of a real server is not ours to switch off, and its cache keeps what messages say for an hour.

async function conversation(api: StandInApi): Promise<{ id: string; messages: string[] }> {
  const id = await api.session();
  const messages: string[] = [];
  for (const text of ["m1", "m2", "m3", "m4", "m5"]) messages.push(await api.say(id, text));
  return { id, messages };
}

standInTest("messages that cannot be read are left out of a load, with 200", async (api) => {
  const { id, messages } = await conversation(api);
  api.control.loseMessage(messages[1] ?? "");
  assertEquals((await load(api, id)).texts.length, 5, "from the cache");
  api.control.forgetCache();
  assertEquals((await load(api, id)).texts, ["m1", "m3", "m4", "m5"]);
  const page = await load(api, id, { limit: 2 });
  assertEquals([page.texts, page.has_more, page.next_cursor], [["m1", "m3"], false, undefined]);
  api.control.setStorage({ down: true });
  const empty = await load(api, id);
  assertEquals([empty.texts, empty.this_time_tokens], [[], 0]);
});

standInTest(
  "a message stored while the storage is down is gone when the cache forgets it",
  async (api) => {
    const id = await api.session();
    api.control.setStorage({ down: true });
    await api.say(id, "hi");
    assertEquals((await load(api, id)).texts, ["hi"]);
    api.control.setStorage({ down: false });
    api.control.forgetCache();
    assertEquals((await load(api, id)).texts, []);
  },
);

standInTest(
  "a file reads alike when its content is gone and when the storage is down",
  async (api) => {
    const [id, other] = [await api.disk(), await api.disk()];
    for (const disk of [id, other]) await api.upload(disk, "/a.txt", "same");
    const answers = async () => {
      const query = { file_path: "/a.txt" };
      const got = await api.call("GET", `/disk/${id}/artifact`, { query });
      const { content, public_url } = dataOf(got, gotArtifactSchema);
      const response = await fetch(public_url ?? "");
      return [content, response.status, await response.text()];
    };
    api.control.setStorage({ down: true });
    const down = await answers();
    assertEquals(down.slice(0, 2), [undefined, 500]);
    api.control.setStorage({ down: false });
    await Promise.all([1, 2].map(() => api.call("DELETE", `/disk/${other}`)));
    assertEquals(await answers(), down);
  },
);

standInTest(
  "equal content of two days is two objects with one count: one stays behind",
  async (api) => {
    const sessions = [await api.session(), await api.session()];
    const json = {
      format: "acontext",
      blob: { role: "user", parts: [{ type: "text", text: "hi" }] },
    };
    for (const id of sessions) {
      await api.call("POST", `/session/${id}/messages`, { json });
      api.advance(24 * 60 * 60 * 1000);
    }
    for (const id of sessions) {
      assertEquals(
        (await api.call("DELETE", `/session/${id}`)).status,
        200,
      );
    }
    const { objects, leaks } = api.control.content();
    assertEquals([objects.length, leaks], [1, objects]);
  },
);
