/**
 * As much of Supabase's Management API as a deployment asks, with the answers that CLI 3.1.0 expects. It keeps what was sent.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { z } from "zod";

const HASH = "5e".repeat(32);
const DATE = "2026-01-01T00:00:00Z";

const metadataSchema = z.looseObject({
  name: z.string(),
  verify_jwt: z.boolean(),
  entrypoint_path: z.string(),
  import_map_path: z.string(),
  static_patterns: z.array(z.string()),
});

const functionSchema = z.looseObject({ slug: z.string(), verify_jwt: z.boolean() });

export interface Upload {
  slug: string;
  metadata: z.infer<typeof metadataSchema>;
  files: { name: string; bytes: Uint8Array }[];
}

export interface ManagementApi {
  /** For the CLI: a profile that names this server. */
  profile: string;
  /** What came with the token, one per function, in order. */
  uploads: Upload[];
  /** The functions that were put into service, in the end. */
  released: z.infer<typeof functionSchema>[];
  /** Everything that was asked: method and path. */
  asked: string[];
}

/** What the project has before, with the fields of the real API. */
export interface Project {
  functions?: { slug: string; version: number; verify_jwt: boolean }[];
  secrets?: string[];
}

/** Serves it on 127.0.0.1 while `use` runs; keeps the profile in `folder`. */
export async function withManagementApi<T>(
  { folder, token, project = {} }: { folder: string; token: string; project?: Project },
  use: (api: ManagementApi) => Promise<T>,
): Promise<T> {
  const uploads: Upload[] = [];
  const released: ManagementApi["released"] = [];
  const asked: string[] = [];

  async function answer(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const route = `${request.method} ${pathname.replace(/^\/v1\/projects\/[a-z]{20}/, "")}`;
    asked.push(route);
    if (request.headers.get("authorization") !== `Bearer ${token}`) {
      return Response.json({ message: "Unauthorized" }, { status: 401 });
    }
    switch (route) {
      case "POST /functions/deploy": {
        const upload = await readUpload(await request.formData(), searchParams.get("slug") ?? "");
        uploads.push(upload);
        return Response.json(functionOf(upload), { status: 201 });
      }
      case "GET /functions":
        return Response.json(
          (project.functions ?? []).map((each) => ({
            id: crypto.randomUUID(),
            name: each.slug,
            status: "ACTIVE",
            created_at: 1,
            updated_at: 1,
            ...each,
          })),
        );
      case "GET /secrets":
        // The value is the hash of the secret.
        return Response.json(
          (project.secrets ?? []).map((name) => ({ name, value: HASH, updated_at: DATE })),
        );
      case "PUT /functions": {
        const functions = z.array(functionSchema).parse(await request.json());
        released.splice(0, released.length, ...functions);
        return Response.json({
          functions: functions.map((each) => ({ ...each, created_at: 1, updated_at: 1 })),
        });
      }
      default:
        return Response.json({ message: `${route} is not here` }, { status: 404 });
    }
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  const url = `http://127.0.0.1:${server.addr.port}`;
  const profile = join(folder, "profile.yaml");
  await Deno.writeTextFile(
    profile,
    `name: test\napi_url: ${url}\ndashboard_url: ${url}\nproject_host: 127.0.0.1\n`,
  );
  try {
    return await use({ profile, uploads, released, asked });
  } finally {
    await server.shutdown();
  }
}

async function readUpload(form: FormData, slug: string): Promise<Upload> {
  const files = await Promise.all(
    form.getAll("file").map(async (file) => {
      if (typeof file === "string") throw new Error("A file came as a field");
      return { name: file.name, bytes: await file.bytes() };
    }),
  );
  const metadata = metadataSchema.parse(JSON.parse(z.string().parse(form.get("metadata"))));
  return { slug, metadata, files };
}

function functionOf({ slug, metadata, files }: Upload) {
  return {
    id: crypto.randomUUID(),
    slug,
    name: metadata.name,
    status: "ACTIVE",
    version: 1,
    created_at: 1,
    updated_at: 1,
    verify_jwt: metadata.verify_jwt,
    entrypoint_path: metadata.entrypoint_path,
    ezbr_sha256: String(files.length),
  };
}
