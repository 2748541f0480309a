import { toFileUrl } from "@std/path/mod.js";
import { bundleOf } from "../unit/bundle/fixtures.ts";
import { type Sdk, testSdk } from "./sdk.ts";

/** With our zod instead of its own. */
const { code } = await bundleOf({
  "extra/index.ts": `export {
  AcontextClient,
  APIError,
  FileUpload,
  TransportError,
} from "@acontext/acontext";`,
});
const file = await Deno.makeTempFile({ prefix: "acontext-sessions-sdk-", suffix: ".js" });
await Deno.writeFile(file, code);
const sdk: Sdk = await import(toFileUrl(file).href);
await Deno.remove(file);

testSdk("SDK in a bundle", sdk);
