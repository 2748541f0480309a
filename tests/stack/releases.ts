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

/**
 * What has come to the main branch since. Who follows it has applied these, so they do not change either: a change that
 * adds migrations adds them here when it is merged.
 */
export const MERGED_SINCE: Readonly<Record<string, string>> = {
  "20261128000001_add_limits.sql":
    "8721d710cf089f21d1382c95d6f32d7f73e421aaaf7bed73d9238c06bd649f75",
  "20261128000002_track_writes.sql":
    "2cdbf6a805d2863f7a1e4c2aeff21df57f5b79069589dd0505b517b1bd6fb146",
  "20261128000003_settle_every_message.sql":
    "b2322e55d98010777496e50bd7e998422e57f64c77ecaad41df09572c7aeb0ad",
  "20261128000004_time_deletions.sql":
    "d6c2bc5303461170dc571b9a743c82e896d3978b60f6419037635b0985125b88",
  "20261128000005_doubt_deletions.sql":
    "375d9da59293aa7e9953baed6f41990f6c0453b39ebcbfcc3b96d3ffa125d937",
  "20261128000006_grant_slots.sql":
    "353b96b60906477e66f4ebd7b4d6d1992d73e518586e772a06d17f02370ec461",
  "20261128000007_reconcile_by_one_clock.sql":
    "118524a0b16a140145ef9e22a75f2ef770bc4b600239afd721e4662f1913d564",
  "20261128000008_say_which_rows.sql":
    "dd31d1402dedadb2bb8db006dd1d59fe08ab518a2577e066d66f4e207bca3b31",
  "20261128000009_keep_failures_apart.sql":
    "ac18b9d3bb19df3572bfffe6f59f1c3eaf1aad41f92095998879e7cfad128d39",
  "20261128000010_add_refuse_banned_users.sql":
    "d8fbafe1d796465a040c10e87dcd6603bd48f0928c0272395838bf2314b904b0",
  "20261128000011_erase_users_in_steps.sql":
    "05304caf2b94bea12ad950988909f97e29ca27a2abfd5ee2a70cd9a231b3befa",
  "20261128000012_refuse_erased_users.sql":
    "a4fcc88100e763d771b74e3906899fc9a980ba959c5fa66816d5bbac012609f2",
  "20261128000013_watch_users.sql":
    "7c5ae5557215a498d76f1ea82bbe46e6918b7feefbe06df55323bc10ac976e5f",
  "20261128000014_hide_sessions_of_erased_users.sql":
    "3223dd7b2818ed76a308acdcce83798d0e2ebdf8623f560c3b87f78613d47457",
  "20261128000015_drop_reference_to_users.sql":
    "1c1b49ccac7becef9cc5090a4fad9f6917541ccc16f4e500583938b7aa542a80",
  "20261128000020_create_calls.sql":
    "471796902f196e3eb6cfd26d6729d182a9c43c170c8fb39490a24f229302eaca",
  "20261128000021_diagnose_platform.sql":
    "b9d5d9f36d3389817b94f6c49eb11556f006621917cbf9934d93ed52f62af1f3",
  "20261128000022_start_runs_without_a_key.sql":
    "c81a440c5f9fc8fc2b83041902a85e10a210f708d1e0bb71cc10cbbf57e9fe27",
};

/** The migrations of the project that are newer than those of the release. */
export async function newerMigrations(release: readonly string[]): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(join(ROOT, "supabase", "migrations"))) names.push(name);
  return names.filter((name) => name.endsWith(".sql") && !release.includes(name)).toSorted();
}
