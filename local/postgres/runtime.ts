/**
 * The PostgreSQL programs a stack runs: a private, complete copy of the npm package's, or Debian's.
 *
 * @module
 */

import { dirname, join, relative } from "@std/path/mod.js";
import { exists, removeIfExists } from "../json_file.ts";
import { embeddedPostgres, ROOT } from "../paths.ts";

/** Programs and settings of one kind of server. */
export interface PostgresRuntime {
  kind: "embedded" | "debian";
  /** Folder with `initdb` and `postgres`. */
  binDir: string;
  /** Everything the server's account must be able to reach. */
  folders: string[];
  /** Arguments for `initdb` that decide encoding and collation. */
  localeArgs: string[];
  /** Settings that this kind of server needs. */
  settings: Record<string, string>;
  /** True when pg_cron is the real extension and schedules by itself. */
  realCron: boolean;
}

const EXTENSIONS_DIR = join(ROOT, "local", "extensions");
const DEBIAN_PROGRAMS = "/usr/lib/postgresql/15";
const DEBIAN_SHARE = "/usr/share/postgresql/15";

async function extensionFiles(names: string[]): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    for await (const entry of Deno.readDir(join(EXTENSIONS_DIR, name))) {
      files.push(join(EXTENSIONS_DIR, name, entry.name));
    }
  }
  return files.sort();
}

async function fingerprint(files: string[]): Promise<string> {
  const contents = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  const bytes = new TextEncoder().encode(contents.join("\0"));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest.slice(0, 6), (b) => b.toString(16).padStart(2, "0")).join("");
}

async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyTree(source, target);
    // Static libraries are for building against.
    else if (!entry.name.endsWith(".a")) await Deno.copyFile(source, target);
  }
}

/**
 * The package's files cannot be run where they lie: npm archives hold no symbolic links, so the package makes them in
 * an install script, and we run no such scripts. Our extensions do not belong in `node_modules` either. So both go into
 * a copy, made once per version of either.
 */
export async function embeddedRuntime(parent: string): Promise<PostgresRuntime> {
  const { nativeDir, version } = embeddedPostgres();
  const extensions = await extensionFiles(["pg_net", "supabase_vault", "pg_cron"]);
  const folder = join(parent, `postgres-${version}-${await fingerprint(extensions)}`);

  if (!await exists(folder)) {
    await buildOnce(folder, async (building) => {
      for (const part of ["bin", "lib", "share"]) {
        await copyTree(join(nativeDir, part), join(building, part));
      }
      const links: { source: string; target: string }[] = JSON.parse(
        await Deno.readTextFile(join(nativeDir, "pg-symlinks.json")),
      );
      for (const link of links) {
        const target = join(building, relative("native", link.target));
        const source = join(building, relative("native", link.source));
        await Deno.symlink(relative(dirname(target), source), target);
      }
      for (const file of extensions) {
        const name = file.slice(dirname(file).length + 1);
        await Deno.copyFile(file, join(building, "share", "postgresql", "extension", name));
      }
    });
  }

  return {
    kind: "embedded",
    binDir: join(folder, "bin"),
    folders: [join(folder, "bin")],
    localeArgs: ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
    settings: {},
    realCron: false,
  };
}

/**
 * Debian's PostgreSQL 15 with the real pg_cron; pg_net and Vault are our stand-ins there too. PostgreSQL finds its files
 * from where its program lies, so a folder with copies of the programs and links to all the rest takes the stand-ins:
 * nothing is written below /usr, and checkouts of different versions do not get in each other's way.
 */
export async function debianRuntime(parent: string): Promise<PostgresRuntime> {
  const [program, cron] = [
    join(DEBIAN_PROGRAMS, "bin", "postgres"),
    join(DEBIAN_SHARE, "extension", "pg_cron.control"),
  ];
  for (const file of [program, cron]) {
    if (!await exists(file)) {
      throw new Error(
        `Cannot use Debian's PostgreSQL: ${file} does not exist; ` +
          "install the packages postgresql-15 and postgresql-15-cron",
      );
    }
  }
  const extensions = await extensionFiles(["pg_net", "supabase_vault"]);
  // Debian's programs and extensions of another day are other ones.
  const days = await Promise.all([program, dirname(cron)].map(async (path) => {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  }));
  const folder = join(parent, `debian-15-${days.join("-")}-${await fingerprint(extensions)}`);
  if (!await exists(folder)) {
    await buildOnce(folder, (building) => linkDebian(building, extensions));
  }
  const binDir = join(folder, "lib", "postgresql", "15", "bin");
  return {
    kind: "debian",
    binDir,
    folders: [binDir],
    localeArgs: ["--locale=C.UTF-8"],
    settings: {
      shared_preload_libraries: "pg_cron",
      "cron.database_name": "postgres",
      "cron.timezone": "GMT",
      // Otherwise it connects over TCP as the job's owner, and has no password.
      "cron.use_background_workers": "on",
      max_worker_processes: "40",
    },
    realCron: true,
  };
}

async function linkDebian(building: string, extensions: string[]): Promise<void> {
  const programs = join(building, "lib", "postgresql", "15");
  const share = join(building, "share", "postgresql", "15");
  await Deno.mkdir(join(programs, "bin"), { recursive: true });
  await Deno.mkdir(join(share, "extension"), { recursive: true });
  for (const name of ["initdb", "postgres"]) {
    await Deno.copyFile(join(DEBIAN_PROGRAMS, "bin", name), join(programs, "bin", name));
  }
  await Deno.symlink(join(DEBIAN_PROGRAMS, "lib"), join(programs, "lib"));
  await linkEntries(DEBIAN_SHARE, share, ["extension"]);
  // Earlier versions of this project left their stand-ins there.
  const ours = /^(pg_net|supabase_vault)(--.*)?\.(control|sql)$/;
  await linkEntries(join(DEBIAN_SHARE, "extension"), join(share, "extension"), ours);
  for (const file of extensions) {
    const name = file.slice(dirname(file).length + 1);
    await Deno.copyFile(file, join(share, "extension", name));
  }
}

/** Links each entry of a folder but those that are left out. */
async function linkEntries(from: string, to: string, leftOut: string[] | RegExp): Promise<void> {
  for await (const { name } of Deno.readDir(from)) {
    const left = leftOut instanceof RegExp ? leftOut.test(name) : leftOut.includes(name);
    if (!left) await Deno.symlink(join(from, name), join(to, name));
  }
}

/** Makes a folder whole or not at all, whoever else makes it at the same time. */
async function buildOnce(folder: string, build: (building: string) => Promise<void>) {
  const parent = dirname(folder);
  await Deno.mkdir(parent, { recursive: true });
  const building = await Deno.makeTempDir({ dir: parent, prefix: "building-" });
  await Deno.chmod(building, 0o755);
  await build(building);
  try {
    await Deno.rename(building, folder);
  } catch (error) {
    // Another stack, started at the same time, was faster.
    await removeIfExists(building);
    if (!await exists(folder)) throw error;
  }
}
