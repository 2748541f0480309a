import { assertEquals } from "@std/assert/mod.js";

const MODULE = new URL("../../support/cleaned_up.ts", import.meta.url).href;

/** Holds two things, one within the other, says so, and waits for ever. */
const PROGRAM = `
  import { cleanedUp } from "${MODULE}";
  const slowly = (name) => async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    console.log(name);
  };
  setInterval(() => {}, 1000);
  await cleanedUp(() => cleanedUp(() => {
    console.log("ready");
    return new Promise(() => {});
  }, slowly("inner")), slowly("outer"));
`;

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`a program that gets ${signal} ends when everything is cleaned up, the last begun first`, async () => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", "--ext=ts", "-"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(PROGRAM));
    await writer.close();
    let text = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      if (text === "") child.kill(signal);
      text += chunk;
    }
    const { code } = await child.status;
    assertEquals({ text, code }, { text: "ready\ninner\nouter\n", code: 130 });
  });
}
