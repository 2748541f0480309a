/** What the dispatcher reads from Vault. All tests share it, so whoever changes it has to put it back. @module */

import type { World } from "./world.ts";

type SecretName = "acontext_sessions_project_url" | "acontext_sessions_secret_key";

/** What the dispatcher would find, by name. */
export async function readSecrets({ database: { sql } }: World): Promise<Record<string, string>> {
  const rows = await sql<{ name: string; value: string }[]>`
    select name, decrypted_secret as value from vault.decrypted_secrets
    where name in ('acontext_sessions_project_url', 'acontext_sessions_secret_key')`;
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
}

export async function setSecret(
  { database: { sql } }: World,
  name: SecretName,
  value: string,
): Promise<void> {
  await sql`
    select vault.update_secret(s.id, ${value}) from vault.secrets as s where s.name = ${name}`;
}

export async function createSecret(
  { database: { sql } }: World,
  name: SecretName,
  value: string,
): Promise<void> {
  await sql`select vault.create_secret(${value}, ${name})`;
}

/** Runs `work` while Vault has a secret key, as earlier versions put it there. */
export async function withKey(
  world: World,
  value: string,
  work: () => Promise<void>,
): Promise<void> {
  await createSecret(world, "acontext_sessions_secret_key", value);
  try {
    await work();
  } finally {
    await world.database.sql`
      delete from vault.secrets where name = 'acontext_sessions_secret_key'`;
  }
}

/** Keeps the secret under another name, where nobody looks. */
export async function hideSecret({ database: { sql } }: World, name: SecretName): Promise<void> {
  await sql`
    select vault.update_secret(s.id, null, ${`hidden ${name}`})
    from vault.secrets as s where s.name = ${name}`;
}

export async function showSecret({ database: { sql } }: World, name: SecretName): Promise<void> {
  await sql`
    select vault.update_secret(s.id, null, ${name})
    from vault.secrets as s where s.name = ${`hidden ${name}`}`;
}

/** Runs `work` while the secret is another one. */
export async function withSecret(
  world: World,
  [name, value]: [SecretName, string],
  work: () => Promise<void>,
): Promise<void> {
  const { sql } = world.database;
  const [before] = await sql<{ value: string }[]>`
    select decrypted_secret as value from vault.decrypted_secrets where name = ${name}`;
  if (before === undefined) throw new Error(`Cannot change "${name}": Vault has none`);
  await setSecret(world, name, value);
  try {
    await work();
  } finally {
    await setSecret(world, name, before.value);
  }
}

/** Runs `work` while the secret is missing. */
export async function withoutSecret(
  world: World,
  name: SecretName,
  work: () => Promise<void>,
): Promise<void> {
  await hideSecret(world, name);
  try {
    await work();
  } finally {
    await showSecret(world, name);
  }
}
