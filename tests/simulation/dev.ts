import { startCluster } from "./cluster.ts";
import { Database } from "./database.ts";
import { loadSystem } from "./system.ts";
import { planOf, shrink } from "./search.ts";
import { runPlan } from "./run_plan.ts";
const [from, n, mode] = [Number(Deno.args[0] ?? 1), Number(Deno.args[1] ?? 20), Deno.args[2] ?? ""];
const cluster = await startCluster();
try {
  const database = await Database.connect(await cluster.clone("sim_1"));
  const bench = { database, system: await loadSystem() };
  let t = performance.now();
  let [steps, faults, crashes] = [0, 0, 0];
  const seen = new Map<string, number[]>();
  for (let i = from; i < from + n; i++) {
    const r = await runPlan(planOf(i, 40), bench, { trace: mode === "trace" });
    steps += r.steps;
    faults += r.faults;
    crashes += r.crashes;
    if (mode === "trace") {
      console.log(JSON.stringify(planOf(i, 40).commands, null, 0) + "\n" + r.trace.join("\n"));
    }
    for (const v of r.violations.slice(0, 1)) {
      console.log(i, v.kind, v.check, v.detail);
      const k = `${v.kind} ${v.check}`;
      seen.set(k, [...(seen.get(k) ?? []), i]);
    }
  }
  console.log({ msPerRun: Math.round((performance.now() - t) / n), steps, faults, crashes });
  console.log(seen);
  if (mode === "shrink") {
    for (const [k, seeds] of seen) {
      t = performance.now();
      const f = await shrink(bench, { seed: seeds[0] ?? 0, most: 40, timeMs: 20000 });
      console.log(
        k,
        seeds[0],
        Math.round(performance.now() - t),
        f?.violation,
        JSON.stringify(f?.plan),
        "\n" + f?.trace.join("\n"),
      );
    }
  }
  await database.close();
} finally {
  await cluster.stop();
}
Deno.exit(0);
