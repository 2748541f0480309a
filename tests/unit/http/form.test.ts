import { assertEquals, assertRejects } from "@std/assert/mod.js";
import fc from "fast-check";
import { parseMultipart } from "../../../local/acontext/multipart.ts";
import { multipart } from "../../../supabase/functions/_acontext_sessions/acontext/multipart.ts";
import { AppError } from "../../../supabase/functions/_acontext_sessions/core/errors.ts";
import {
  type Form,
  readForm as readFormAt,
} from "../../../supabase/functions/_acontext_sessions/http/form.ts";
import { systemClock } from "../../../supabase/functions/_acontext_sessions/runtime/clock.ts";

const MAX = 1024 * 1024;
const TYPE = { "content-type": "multipart/form-data; boundary=b" };

function readForm(form: Request, maxBytes: number): Promise<Form> {
  return readFormAt(form, { maxBytes, pace: { clock: systemClock, timeoutMs: 30_000 } });
}

function request(body: BodyInit, headers: HeadersInit = {}): Request {
  return new Request("http://x.test", { method: "POST", body, headers });
}

function raw(text: string, headers: HeadersInit = TYPE): Request {
  return request(text.replaceAll("\n", "\r\n"), headers);
}

async function codeOf(form: Request, maxBytes = MAX): Promise<string> {
  return (await assertRejects(() => readForm(form, maxBytes), AppError)).code;
}

const PART = '--b\nContent-Disposition: form-data; name="a"\n\n1\n';

Deno.test("readForm() reads what FormData writes, whatever the names and the bytes", async () => {
  // FormData cannot carry a literal percent code of its own escapes: it writes `"` as %22 and leaves "%" alone.
  const name = fc.string({ unit: "binary" }).filter((text) =>
    text.isWellFormed() && !/%(22|0d|0a)/i.test(text) && !/[\r\n]/.test(text)
  );
  await fc.assert(
    fc.asyncProperty(name, fc.uint8Array({ maxLength: 3000 }), async (filename, bytes) => {
      const form = new FormData();
      form.set("note", "a; b=c\r\n--x");
      form.set("file", new File([bytes], filename, { type: "image/png" }));
      const { fields, files } = await readForm(request(form), MAX);
      const file = files.get("file");
      assertEquals([...fields], [["note", "a; b=c\r\n--x"]]);
      assertEquals([file?.filename, file?.contentType], [filename, "image/png"]);
      assertEquals(new Uint8Array(file?.bytes ?? []), new Uint8Array(bytes));
    }),
    { numRuns: 300 },
  );
});

Deno.test("multipart() writes what the stand-in's reader, which is like Go's, reads", async () => {
  const name = fc.string({ unit: "binary", minLength: 1 }).filter((text) =>
    text.isWellFormed() && !/\p{Cc}/u.test(text)
  );
  await fc.assert(
    fc.asyncProperty(name, fc.uint8Array({ maxLength: 3000 }), async (filename, content) => {
      const bytes = new Uint8Array(content);
      const { type, chunks } = multipart({ file_path: "/ü/" }, [
        ["file", { filename, contentType: "a/b; c=d", bytes }],
      ]);
      const form = parseMultipart(type, await new Blob(chunks).bytes());
      const file = form.get("file");
      if (!(file instanceof File)) throw new Error("no file");
      assertEquals([form.get("file_path"), file.name, file.type], ["/ü/", filename, "a/b; c=d"]);
      assertEquals(await file.bytes(), bytes);
    }),
    { numRuns: 300 },
  );
});

Deno.test("readForm() reads names as browsers, curl and RFC 5987 write them", async () => {
  const cases: [string, string][] = [
    ['filename="a%22b%0D%0A%25.txt"', 'a"b\r\n%25.txt'],
    ['filename="a\\"b\\\\c"', 'a"b\\c'],
    ["filename=plain.txt", "plain.txt"],
    [`filename="fallback"; filename*=UTF-8''na%C3%AFve%20%22x`, 'naïve "x'],
    ['FILENAME="upper"', "upper"],
    ['filename="semi;colon=x"', "semi;colon=x"],
    ['filename=""', ""],
  ];
  for (const [parameter, filename] of cases) {
    const { files } = await readForm(
      raw(`--b\nContent-Disposition: form-data; name="f"; ${parameter}\n\nx\n--b--\n`),
      MAX,
    );
    assertEquals(files.get("f")?.filename, filename, parameter);
    assertEquals(files.get("f")?.contentType, "application/octet-stream");
  }
});

Deno.test("readForm() reads empty forms, empty parts, preambles and blanks after delimiters", async () => {
  assertEquals((await readForm(raw("--b--\n"), MAX)).fields.size, 0);
  const text = 'preamble\n--b \nContent-Disposition: form-data; name="a"\n\n\n--b--\nepilogue';
  assertEquals([...(await readForm(raw(text), MAX)).fields], [["a", ""]]);
  const quoted = { "content-type": 'multipart/form-data; boundary="b"' };
  assertEquals([...(await readForm(raw(`${PART}--b--`, quoted), MAX)).fields], [["a", "1"]]);
});

Deno.test("readForm() refuses what is cut off, malformed or ambiguous", async () => {
  const broken = [
    "",
    "no form at all",
    "--b",
    PART,
    `${PART}--b`,
    "--b\nContent-Disposition: form-data; name=a",
    "--b\nContent-Disposition: form-data\n\n1\n--b--",
    '--b\nContent-Disposition: attachment; name="a"\n\n1\n--b--',
    "--b\n\n1\n--b--",
    `${PART}${PART}--b--`,
    '--b\nContent-Disposition: form-data; name="f"; filename="x"\nContent-Type: x\n\n1\n--b--',
    `--b\nContent-Disposition: form-data; name="a"; filename*=UTF-8''%ff\n\n1\n--b--`,
    `--b\nX: ${"x".repeat(9000)}\n\n1\n--b--`,
    `${
      Array.from({ length: 101 }, (_, index) => PART.replace('"a"', `"a${index}"`)).join("")
    }--b--`,
  ];
  for (const text of broken) assertEquals(await codeOf(raw(text)), "invalid_multipart", text);
  const latin1 = new Uint8Array([...new TextEncoder().encode(PART.replaceAll("\n", "\r\n"))]);
  latin1[latin1.length - 3] = 0xff;
  const invalid = request(new Blob([latin1, "--b--"]), TYPE);
  assertEquals(await codeOf(invalid), "invalid_multipart", "not UTF-8");
  const bare = { "content-type": "multipart/form-data" };
  assertEquals(await codeOf(raw(`${PART}--b--`, bare)), "invalid_multipart");
  const packed = { ...TYPE, "content-encoding": "gzip" };
  assertEquals(await codeOf(raw(`${PART}--b--`, packed)), "unsupported_media_type");
});

Deno.test("readForm() stops at the limit, whatever the length claims", async () => {
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10_000)),
  });
  assertEquals(await codeOf(request(endless, TYPE)), "body_too_large");
  assertEquals(await codeOf(raw(`${PART}--b--`), 20), "body_too_large");
});

Deno.test("readForm() survives any body", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.constantFrom(
          "--b",
          "--b--",
          "\r\n",
          "\r\n\r\n",
          '; name="a"',
          "x",
          ":",
          "Content-Disposition: form-data",
        ),
      ),
      async (pieces) => {
        await readForm(request(pieces.join(""), TYPE), MAX).catch((error) => {
          if (!(error instanceof AppError)) throw error;
        });
      },
    ),
    { numRuns: 2000 },
  );
});
