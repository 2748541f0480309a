/**
 * Which migrations a release has. A released migration is never renamed or edited, so these lists only grow.
 *
 * @module
 */

import { join } from "@std/path/mod.js";
import { ROOT } from "../../local/paths.ts";

/**
 * The migrations of 0.1.0, in the folder `supabase/migrations`, and the SHA-256 of each. What is newer is an upgrade for
 * those who have them.
 */
export const RELEASE_0_1_0: Readonly<Record<string, string>> = {
  "20261127000001_create_schema.sql":
    "b3d178202786d88f55949b2e46b5dd80ed79029ef4009018b02370ac83c5e31c",
  "20261127000002_create_settings.sql":
    "494232c61a74bb1c7369c714ff6a3482c61db254cae980de9bffdcabf32b26cd",
  "20261127000003_create_session_mappings.sql":
    "2a0c59a037aae2eb149fae3313a98b7d884ddda822f6ce5380d9ddca21996e63",
  "20261127000004_create_deletion_queue.sql":
    "a5899f570ff6f8ec3b4c3214f599763d7006432ceb5d1b3496b974a36f9923cd",
  "20261127000005_guard_remote_ids.sql":
    "c2c2f10f9157904ab12ad1e02beb10a15d150aa4f48952cd4e13f02dbbdcc599",
  "20261127000006_create_session_creation.sql":
    "12914597a67d7ae0a1c9a51915d1bf87b57941c1cc8095e3338198771721171b",
  "20261127000007_create_session_deletion.sql":
    "59bc9cca3ff9fd197f3f5f3b4b9f7d1dec6c316eb51cdf86d684578df3f7b6f9",
  "20261127000008_create_session_use.sql":
    "8b656f90ce534882ab7f0454722819aace58278d682e56c0f0513fb171e0627e",
  "20261127000009_create_restamp.sql":
    "b1e2eb08edb3341891bf60633246a776f06df20884fe4eeec619b990c8938a89",
  "20261127000010_create_runs.sql":
    "06246b846a64cb1e364e44ff6ef4b6d2e59c200dd9e753c2e96538e3b09716fa",
  "20261127000011_create_dispatcher.sql":
    "d103775d543542b5fef6e523aca7f5f6134e1305ace5d737cd2ee373c4e0081a",
  "20261127000012_create_reconcile.sql":
    "52d9465d9eadf2c4381be1ff54e680c955666858743ce5aee8913c78373961c1",
  "20261127000013_create_schedule.sql":
    "aeefb549addb78bf961f1b0d1c37287fb2203eb49e50e89b9eb19eabab127cc0",
  "20261127000014_create_session_health.sql":
    "26271bef33052dfe118ecb3360d5c020a78041459bf76096c862220bba6b1c08",
  "20261127000015_create_operator_functions.sql":
    "598c97cccf7878bca942c0fcb8838a343fe3d972bbde79d74bd879e4d23d9fbb",
};

/** The migrations of the project that are newer than those of the release. */
export async function newerMigrations(release: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(join(ROOT, "supabase", "migrations"))) names.push(name);
  return names.filter((name) => name.endsWith(".sql") && !release.includes(name)).toSorted();
}
