import { assert, assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import { type Act, type Names, OUTSIDERS, type Role, ROLES, USERS } from "./acts.ts";
import { userCalls } from "./calls.ts";
import { operatorCalls } from "./operator.ts";
import { serviceTableActs, tableActs } from "./rest.ts";
import { type DatabaseFunction, forbiddenCalls, readFunctions, serviceCalls } from "./rpc.ts";
import { foreignChanges } from "./snapshots.ts";
import { listed, problemsAfter } from "./stage.ts";
import { inParallel } from "./use.ts";

const COUNT = Number(Deno.env.get("FUZZ_WRITES") ?? 3_000);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
/** One writes at a time, some requests at once: so it is known who has changed what. */
const ROUND = 50;

function actsOf(role: Role, functions: DatabaseFunction[]): fc.Arbitrary<Act> {
  if (role === "operator") return operatorCalls();
  if (role === "service") {
    return fc.oneof(
      { weight: 3, arbitrary: serviceTableActs() },
      { weight: 1, arbitrary: serviceCalls(functions) },
    );
  }
  return fc.oneof(
    { weight: 5, arbitrary: tableActs(role) },
    { weight: 4, arbitrary: userCalls(role) },
    { weight: 1, arbitrary: forbiddenCalls(functions, role) },
  );
}

/** Who writes in a round; now and then all at once, when only those who never write can tell. */
const writers = fc.oneof(
  { weight: 4, arbitrary: fc.constant("everybody" as const) },
  { weight: 12, arbitrary: fc.constantFrom(...USERS) },
  { weight: 5, arbitrary: fc.constant<Role>("service") },
  { weight: 2, arbitrary: fc.constant<Role>("operator") },
  { weight: 5, arbitrary: fc.constantFrom<Role>("banned", "gone", ...OUTSIDERS) },
);

function at(names: Names[] = [], index: number): Names {
  const found = names[index % names.length];
  if (found === undefined) throw new Error("Cannot name anything: there are no sessions");
  return found;
}

Deno.test(`after ${COUNT} writes of all roles everything works, and nobody has changed what is another's`, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const met = new Map<string, number>();
  const sent = new Map<string, number>();
  const problems = await problemsAfter(async (stage, found) => {
    const { cast, database, operation, send, all } = stage;
    const functions = await readFunctions(database.sql);
    const rounds = fc.sample(writers, { numRuns: Math.ceil(COUNT / ROUND), seed: SEED });
    for (const [index, writer] of rounds.entries()) {
      // Goes on writing with a token that outlives the account.
      if (index === Math.floor(rounds.length / 2)) await cast.erase("bob");
      const roles = writer === "everybody" ? ROLES : [writer];
      const names = new Map<Role, Names[]>();
      for (const role of roles) names.set(role, await cast.namesFor(role));
      const each = fc.oneof(...roles.map((role) => actsOf(role, functions)));
      const acts = fc.sample(each, { numRuns: ROUND, seed: SEED + index });
      const before = await all();
      await inParallel([...acts.entries()], async ([number, act]) => {
        const { status, problem } = await send(act, at(names.get(act.role), number));
        const kind = `${act.path.split("/")[1]} ${status}`;
        met.set(kind, (met.get(kind) ?? 0) + 1);
        sent.set(act.role, (sent.get(act.role) ?? 0) + 1);
        if (problem !== null) {
          found("answer", [`${problem}\n  ${JSON.stringify(act).slice(0, 600)}`]);
        }
      });
      if (writer === "operator" || writer === "everybody") await operation.quiet();
      else {
        const allowed = {
          writer: cast.parties[writer].user?.id ?? null,
          mayAdd: writer === "service",
        };
        found(`${writer} has changed`, foreignChanges(before, await all(), allowed));
      }
    }
  });
  console.log(`Writes: ${listed(sent)}`);
  console.log(`Answers: ${listed(met)}`);
  assertEquals(problems, [], `${problems.length} problems, FUZZ_SEED=${SEED}`);
  assert(
    (met.get("rest 200") ?? 0) + (met.get("rest 204") ?? 0) > COUNT / 20,
    "too few writes are taken",
  );
});
