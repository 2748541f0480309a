import { assertEquals } from "@std/assert/mod.js";
import { sqlEdits } from "../../mutation/sql/mutators.ts";

/** What the text becomes, by the kind of change. */
function mutants(text: string, kinds: RegExp, language = "plpgsql"): string[] {
  return sqlEdits(text, language)
    .filter(({ mutator }) => kinds.test(mutator))
    .map(({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end));
}

Deno.test("comparisons are moved by one or turned, but nothing that is assigned", () => {
  assertEquals(
    mutants("update t set a = 1, b = 2 where c <= d and e = f;", /boundary|comparison/),
    [
      "update t set a = 1, b = 2 where c < d and e = f;",
      "update t set a = 1, b = 2 where c <= d and e <> f;",
    ],
  );
  assertEquals(mutants("raise exception using errcode = 'x', hint = 'y';", /comparison/), []);
  assertEquals(mutants("perform f(p_a => 1, p_b => c ->> 'd');", /boundary|arithmetic/), []);
});

Deno.test("each operand is removed, and a lone condition", () => {
  assertEquals(
    mutants("select 1 from t where a and (b or c is not null) order by d", /junct|condition/),
    [
      "select 1 from t where true and (b or c is not null) order by d",
      "select 1 from t where a and true order by d",
      "select 1 from t where a and (false or c is not null) order by d",
      "select 1 from t where a and (b or false) order by d",
    ],
  );
  assertEquals(mutants("delete from t where id = 1;", /condition/), ["delete from t where true;"]);
  assertEquals(mutants("if a > b then null; end if;", /condition/), [
    "if true then null; end if;",
    "if false then null; end if;",
  ]);
});

Deno.test("between, case and is distinct from are no connectives and no ends", () => {
  assertEquals(
    mutants(
      "select 1 from t where a between 1 and 2 and case when b then c end is distinct from d",
      /junct/,
    ),
    [
      "select 1 from t where true and case when b then c end is distinct from d",
      "select 1 from t where a between 1 and 2 and true",
    ],
  );
});

Deno.test("an error that is caught is no condition", () => {
  assertEquals(
    mutants("begin a := 1; exception when unique_violation then null; end;", /condition/),
    [],
  );
});

Deno.test("a lock is removed, and skip locked alone", () => {
  assertEquals(
    mutants("select 1 from t as s for no key update of s skip locked limit 1", /lock/),
    [
      "select 1 from t as s  limit 1",
      "select 1 from t as s for no key update of s  limit 1",
    ],
  );
  assertEquals(mutants("for v in select 1 loop null; end loop;", /lock/), []);
});

Deno.test("statements are removed wherever they stand, and none that returns", () => {
  const text = `declare
  v_a integer := 1;
begin
  if a then
    perform pg_advisory_xact_lock(1);
  else
    v_a := case when b then 2 else 3 end;
  end if;
  update t set c = (select 1) where d;
  return v_a;
end;`;
  const removed = sqlEdits(text, "plpgsql")
    .filter(({ mutator }) => mutator === "statement removed")
    .map(({ start, end }) => text.slice(start, end));
  assertEquals(removed, [
    "perform pg_advisory_xact_lock(1);",
    "v_a := case when b then 2 else 3 end;",
    "update t set c = (select 1) where d;",
  ]);
  assertEquals(mutants("update t set a = 1;", /statement/, "sql"), []);
});

Deno.test("constants, signs, negations and defaults are changed, but no texts for people", () => {
  assertEquals(mutants("select 1 + x", /constant|arithmetic/), ["select 2 + x", "select 1 - x"]);
  assertEquals(mutants("select 1 from t limit 2", /constant/), ["select 1 from t limit 3"]);
  assertEquals(mutants("select interval '1 day'", /constant/), ["select interval '1 day' * 2"]);
  assertEquals(mutants("select a = 'b'", /constant/), ["select a = 'b~'"]);
  assertEquals(mutants("raise exception 'Cannot' using hint = 'Ask';", /constant/), []);
  assertEquals(mutants("select a is null, b is not null, not c", /negation/), [
    "select a is not null, b is not null, not c",
    "select a is null, b is  null, not c",
    "select a is null, b is not null,  c",
  ]);
  assertEquals(mutants("select coalesce(max(a, b), 0)", /coalesce/), [
    "select coalesce(max(a, b))",
  ]);
  assertEquals(mutants("select true -- false\n, '1 > 2'", /constant|boundary/), [
    "select false -- false\n, '1 > 2'",
    "select true -- false\n, '1 > 2~'",
  ]);
});
