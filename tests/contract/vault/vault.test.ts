import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert/mod.js";
import type postgres from "postgres";
import { databaseTest, shareDatabase, standInTest } from "../platform/database.ts";

const database = shareDatabase();

interface Secret {
  name: string | null;
  description: string;
  secret: string;
  decrypted_secret: string;
  key_id: string | null;
  created_at: Date;
  updated_at: Date;
}

/** Makes a secret, and removes it in the end. */
async function withSecret(
  text: string,
  use: (secret: { id: string; name: string; read(): Promise<Secret | undefined> }) => Promise<void>,
): Promise<void> {
  const name = `contract-${crypto.randomUUID()}`;
  const [row] = await database.sql<{ id: string }[]>`
    select vault.create_secret(${text}, ${name}, 'for a test') as id`;
  const id = row?.id ?? "";
  try {
    await use({
      id,
      name,
      async read() {
        const [found] = await database.sql<Secret[]>`
          select * from vault.decrypted_secrets where id = ${id}`;
        return found;
      },
    });
  } finally {
    await database.sql`delete from vault.secrets where id = ${id}`;
  }
}

databaseTest(
  "Vault keeps a secret encrypted, and reads it",
  () =>
    withSecret("Grüße", async ({ name, read }) => {
      const secret = await read();
      assertEquals(secret?.name, name);
      assertEquals(secret?.description, "for a test");
      assertEquals(secret?.decrypted_secret, "Grüße");
      assertEquals(secret?.key_id, null);
      assert(!secret?.secret.includes("Grüße"));
      assert(secret?.created_at instanceof Date);
      const other = await database.sql`select secret from vault.secrets where name = ${name}`;
      assertEquals(other[0]?.["secret"], secret?.secret);
    }),
);

databaseTest(
  "Vault encrypts equal secrets differently",
  () =>
    withSecret("same", (one) =>
      withSecret("same", async (two) => {
        assertNotEquals((await one.read())?.secret, (await two.read())?.secret);
      })),
);

databaseTest(
  "vault.create_secret() refuses a name that is taken, and takes any number without one",
  () =>
    withSecret("first", async ({ name }) => {
      await assertRejects(
        () => database.sql`select vault.create_secret('second', ${name})`.execute(),
        Error,
        'duplicate key value violates unique constraint "secrets_name_idx"',
      );
      const [row] = await database.sql<{ one: string; two: string }[]>`
      select vault.create_secret('x') as one, vault.create_secret('x') as two`;
      assertNotEquals(row?.one, row?.two);
      await database.sql`delete from vault.secrets where id in (${row?.one ?? ""}, ${
        row?.two ?? ""
      })`;
    }),
);

databaseTest("vault.create_secret() needs a secret", async () => {
  await assertRejects(
    () => database.sql`select vault.create_secret(null)`.execute(),
    Error,
    'null value in column "secret"',
  );
});

databaseTest(
  "vault.update_secret() changes what it is given, and nothing else",
  () =>
    withSecret("before", async ({ id, name, read }) => {
      const before = await read();
      await database.sql`select vault.update_secret(${id}, 'after')`;
      const after = await read();
      assertEquals([after?.decrypted_secret, after?.name, after?.description], [
        "after",
        name,
        "for a test",
      ]);
      assertNotEquals(after?.secret, before?.secret);
      assert((after?.updated_at ?? 0) > (before?.updated_at ?? 0));

      await database.sql`select vault.update_secret(${id}, new_description => 'changed')`;
      const described = await read();
      assertEquals([described?.decrypted_secret, described?.description], ["after", "changed"]);
    }),
);

databaseTest("vault.update_secret() says nothing of a secret that is not there", async () => {
  await database.sql`select vault.update_secret(${crypto.randomUUID()}, 'x')`;
});

databaseTest(
  "Vault raises on what another key or another row has encrypted",
  () =>
    withSecret("sealed", async ({ id }) => {
      const decrypt = (message: string, of: string) =>
        database.sql`
        select vault._crypto_aead_det_decrypt(
          ${database.sql.unsafe(message)}, convert_to(${of}, 'utf8'), 0, 'pgsodium', nonce)
        from vault.secrets where id = ${id}`.execute();
      await decrypt("decode(secret, 'base64')", id);
      for (
        const [message, of] of [
          ["set_byte(decode(secret, 'base64'), 0, get_byte(decode(secret, 'base64'), 0) # 1)", id],
          ["decode(secret, 'base64')", crypto.randomUUID()],
        ] as const
      ) {
        const error = await assertRejects(() => decrypt(message, of), Error, "invalid ciphertext");
        assertEquals((error as postgres.PostgresError).code, "22000");
      }
    }),
);

databaseTest("postgres and service_role read and change secrets with the functions", async () => {
  for (const role of ["postgres", "service_role"]) {
    const [row] = await database.sql`
      select has_schema_privilege(${role}, 'vault', 'usage') as schema,
        has_table_privilege(${role}, 'vault.decrypted_secrets', 'select') as reads,
        has_table_privilege(${role}, 'vault.secrets', 'delete') as deletes,
        has_table_privilege(${role}, 'vault.secrets', 'insert') as inserts,
        has_table_privilege(${role}, 'vault.secrets', 'update') as updates,
        has_function_privilege(${role}, 'vault.create_secret(text, text, text, uuid)', 'execute') as creates,
        has_function_privilege(
          ${role}, 'vault.update_secret(uuid, text, text, text, uuid)', 'execute') as changes`;
    assertEquals(row, {
      ...{ schema: true, reads: true, deletes: true, inserts: false, updates: false },
      ...{ creates: true, changes: true },
    }, role);
  }
});

databaseTest("nobody else has rights in Vault", async () => {
  for (const role of ["anon", "authenticated", "authenticator"]) {
    const [row] = await database.sql`
      select has_schema_privilege(${role}, 'vault', 'usage') as schema,
        has_table_privilege(${role}, 'vault.decrypted_secrets', 'select') as reads,
        has_function_privilege(${role}, 'vault.create_secret(text, text, text, uuid)', 'execute') as creates`;
    assertEquals(row, { schema: false, reads: false, creates: false }, role);
  }
});

standInTest("a secret whose root key is lost can only be deleted and made again", async () => {
  const { sql } = database;
  const [row] = await sql<
    { id: string }[]
  >`select vault.create_secret('lost', 'contract-lost') as id`;
  const id = row?.id ?? "";
  await database.loseVaultKey();
  for (
    const call of [
      () => sql`select decrypted_secret from vault.decrypted_secrets where id = ${id}`.execute(),
      () => sql`select vault.update_secret(${id}, 'new')`.execute(),
      () => sql`select vault.update_secret(${id}, new_description => 'new')`.execute(),
    ]
  ) {
    await assertRejects(call, Error, "invalid ciphertext");
  }
  // What needs no decryption is still there.
  const names = await sql`select name from vault.decrypted_secrets where id = ${id}`;
  assertEquals(names.map(({ name }) => name), ["contract-lost"]);
  await sql`delete from vault.secrets where id = ${id}`;
  await sql`select vault.create_secret('found', 'contract-lost')`;
  const [found] = await sql<Secret[]>`
    select * from vault.decrypted_secrets where name = 'contract-lost'`;
  assertEquals(found?.decrypted_secret, "found");
});
