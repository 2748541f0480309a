/**
 * What is generated from the contract of the functions: is it fresh, and is openapi.json a good OpenAPI document.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { format } from "../format.ts";
import { openApiDocument } from "../openapi/document.ts";
import { wireTypes } from "../openapi/wire_types.ts";
import { ROOT } from "../../local/paths.ts";
import type { Report } from "./report.ts";

export async function checkContract(report: Report, { fix }: { fix: boolean }): Promise<void> {
  const document = await format(JSON.stringify(openApiDocument()), "json");
  report.add("openapi.json is fresh", await compare("openapi.json", document, { fix }));
  report.add("openapi.json is valid", await lint(document));
  const types = await format(wireTypes(), "ts");
  report.add("the client's types are fresh", await compare("client/src/wire.ts", types, { fix }));
}

async function compare(
  name: string,
  wanted: string,
  { fix }: { fix: boolean },
): Promise<string | null> {
  const path = join(ROOT, name);
  if (await Deno.readTextFile(path).catch(() => "") === wanted) return null;
  if (!fix) return `${name} is stale: run \`npm run check -- --fix\``;
  await Deno.writeTextFile(path, wanted);
  return null;
}

async function lint(source: string): Promise<string | null> {
  const config = await createConfig({ extends: ["recommended-strict"] });
  const problems = await lintFromString({ source, config });
  if (problems.length === 0) return null;
  return problems.map(({ ruleId, message, location }) =>
    `${ruleId} at ${location[0]?.pointer ?? "/"}: ${message}`
  ).join("\n");
}
