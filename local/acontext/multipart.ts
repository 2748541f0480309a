/**
 * Multipart bodies as Go's `mime/multipart` reads them. Deno's own reader cuts file names at ";" and "=", and undoes
 * browsers' percent encoding of `"`, which Go keeps.
 *
 * @module
 */

/** @throws {TypeError} when the body is not a complete form. */
export function parseMultipart(contentType: string, body: Uint8Array<ArrayBuffer>): FormData {
  const boundary = parameters(contentType).get("boundary") ?? "";
  // One character per byte, so that places in the text are places in the body.
  const text = new TextDecoder("latin1").decode(body).replace(/[\u0100-\uffff]/g, "?");
  const delimiter = `--${boundary}`;
  const form = new FormData();
  let at = text.indexOf(delimiter);
  while (boundary !== "" && at >= 0) {
    at += delimiter.length;
    if (text.startsWith("--", at)) return form;
    const content = text.indexOf("\r\n\r\n", at) + 4;
    const end = text.indexOf(`\r\n${delimiter}`, content - 2);
    if (content < 4 || end < 0) break;
    const head = new TextDecoder().decode(body.subarray(at, content - 4));
    addPart(form, head, body.subarray(content, Math.max(content, end)));
    at = end + 2;
  }
  throw new TypeError("multipart: NextPart: EOF");
}

function addPart(form: FormData, head: string, content: Uint8Array<ArrayBuffer>): void {
  const headers = new Map(
    head.trim().split("\r\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const disposition = parameters(headers.get("content-disposition") ?? "");
  const name = disposition.get("name") ?? "";
  const filename = disposition.get("filename");
  if (filename === undefined) form.append(name, new TextDecoder().decode(content));
  else {form.append(
      name,
      new File([content], filename, { type: headers.get("content-type") ?? "" }),
    );}
}

/** Parameters of a header value: quoted strings with backslashes, or tokens. */
function parameters(value: string): Map<string, string> {
  const found = value.matchAll(/;\s*([^=;\s]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;]*))/g);
  return new Map(
    [...found].map(([, name = "", quoted, token = ""]): [string, string] => [
      name.toLowerCase(),
      quoted?.replace(/\\(.)/g, "$1") ?? token,
    ]),
  );
}
