import { assertEquals, assertMatch } from "@std/assert/mod.js";
import { converse } from "./support/conversations.ts";
import { type Answer, assertRefused, type FunctionName } from "./support/functions.ts";
import { headOf, sendRaw } from "../support/raw_http.ts";
import { integrationTest, type World } from "./support/world.ts";

/** A body that begins and then stops, without an end. */
function stopping(beginning: string) {
  return new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (controller) => controller.enqueue(new TextEncoder().encode(beginning)),
  });
}

function send(
  world: World,
  [name, path]: [FunctionName, string],
  { type, beginning, ...credentials }: { type: string; beginning: string } & Record<string, string>,
): Promise<Answer> {
  return world.call(name, path, {
    method: "POST",
    headers: { ...credentials, "content-type": type },
    body: stopping(beginning),
  });
}

const FORM = "multipart/form-data; boundary=b";
const JSON_TYPE = "application/json";

integrationTest(
  "a body that stops is answered 408 by every route, and did nothing",
  async (world) => {
    const { user, session, chat } = await converse(world);
    await chat.uploaded("first", { filename: "a.txt" });
    const bearer = world.bearer(user);
    const path = `/${session.id}`;
    const file =
      '--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nsecond';
    const payload = '--b\r\nContent-Disposition: form-data; name="payload"\r\n\r\n{';
    const message = '{"message":{"role":"user","content":"hel';
    const calls = await world.remote.callsOf(async () => {
      const answers = await Promise.all([
        send(world, ["create-session", ""], {
          type: JSON_TYPE,
          beginning: '{"title":"x"',
          ...bearer,
        }),
        send(world, ["cleanup-sessions", ""], {
          type: JSON_TYPE,
          beginning: "{",
          apikey: world.info.secretKey,
        }),
        send(world, ["session-messages", path], { type: JSON_TYPE, beginning: message, ...bearer }),
        send(world, ["session-messages", path], { type: FORM, beginning: payload, ...bearer }),
        send(world, ["session-files", path], { type: FORM, beginning: file, ...bearer }),
      ]);
      for (const answer of answers) assertRefused(answer, 408, "request_timeout");
    });
    assertEquals(calls, {});
    assertEquals(await world.database.rowCount(), 1);
    assertEquals(await world.database.runs(), []);
    assertEquals((await chat.page()).messages, []);
    assertEquals(await (await chat.download({ filename: "a.txt" })).text(), "first");
  },
);

integrationTest(
  "a sender who stops after 9 of 50 bytes is answered, whoever it is",
  async (world) => {
    const user = await world.newUser();
    const { hostname, port } = new URL(world.info.apiUrl);
    const head = headOf("POST /functions/v1/create-session", [
      `Host: ${hostname}:${port}`,
      `Authorization: Bearer ${user.token}`,
      "Content-Type: application/json",
      "Content-Length: 50",
    ]);
    const answer = await sendRaw({ hostname, port: Number(port) }, `${head}{"title":`);
    assertEquals(answer.status, 408);
    assertMatch(answer.text, /"code":"request_timeout"/);
  },
);
