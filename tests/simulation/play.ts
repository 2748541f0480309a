/** Carries out the commands of a plan. @module */

import {
  startCopy,
  startCreate,
  startDelete,
  startRestore,
  startSay,
  startUpload,
  startWorker,
} from "./actors.ts";
import { type Act, type Command, type Fate, type Job, type OperatorSql, USERS } from "./plan.ts";
import type { Process } from "./process.ts";
import { fixedUuid, Random } from "./random.ts";
import { drawWeather, type Weather } from "./weather.ts";
import type { World } from "./world.ts";
import { reconcileInWrongDatabase } from "./wrong_database.ts";

/** When the requests that the database hands to pg_net are delivered, in milliseconds, and what becomes of the workers. */
export interface Post {
  deliveries: number[];
  fate: Fate | null;
}

export function slotId(slot: number): string {
  return fixedUuid("session", slot);
}

export function ownerOf(slot: number, stranger = false): string {
  return fixedUuid("user", (slot + (stranger ? 1 : 0)) % USERS);
}

export async function play(world: World, post: Post, commands: Command[]): Promise<void> {
  for (const command of commands) {
    await world.scheduler.pass(command.wait);
    if (world.failed) return;
    const random = world.random.fork(`command ${command.key}`);
    await perform(world, post, command, random);
    await world.scheduler.settle();
    if (world.failed) return;
  }
}

async function perform(world: World, post: Post, act: Act, random: Random): Promise<void> {
  switch (act.do) {
    case "create":
      return seal(
        world,
        act.fate,
        startCreate(world, {
          userId: ownerOf(act.slot ?? random.below(USERS), act.stranger),
          ...(act.slot !== null && { id: slotId(act.slot) }),
          title: null,
          metadata: {},
          ttl: act.ttl,
          pinned: act.pinned,
        }, random),
      );
    case "delete":
      return seal(world, act.fate, startDelete(world, key(act.slot, act.stranger), random));
    case "restore":
      return void startRestore(world, key(act.slot), random);
    case "copy": {
      const id = slotId(act.slot);
      // Elsewhere a copy cannot be told from a remote session that was made twice: docs/architecture.md says so.
      if (world.keepsSessionIds) {
        startCopy(world, world.snapshot.rows.get(id)?.session ?? id, random);
      }
      return;
    }
    case "use":
      return void startSay(world, key(act.slot), random);
    case "upload":
      return void startUpload(world, { ...act, key: key(act.slot) }, random);
    case "pin":
      await world.run("pin", {
        role: "authenticated",
        claims: { sub: ownerOf(act.slot) },
        text: `update public.session_mappings set pinned = ${act.pinned}
          where id = '${slotId(act.slot)}'`,
      });
      return;
    case "erase user":
      world.erasedUsers.add(fixedUuid("user", act.user));
      await world.run("erase user", {
        role: "supabase_auth_admin",
        text: `delete from auth.users where id = '${fixedUuid("user", act.user)}'`,
      });
      return;
    case "operator":
      await world.run(`operator: ${act.sql}`, {
        role: "postgres",
        text: operatorSql(act.sql, slotId(act.slot)),
      });
      return;
    case "settings":
      await world.call(null, "acontext_configure_cleanup", { p_changes: act.changes });
      return;
    case "cron":
      post.deliveries = act.deliveries;
      post.fate = act.fate;
      await runJob(world, act.job);
      return;
    case "run":
      return seal(world, act.fate, startWorker(world, { ...act, runId: world.newRunId() }, random));
    case "weather":
      world.note(`weather: ${act.weather}`);
      return setWeather(world, drawWeather(act.weather, random));
    case "mishap":
      world.note(`mishap: the next ${act.route} meets ${JSON.stringify(act.fault)}`);
      // From now on one request fails for a reason of its own.
      world.totalSince = null;
      return world.remote.addRule({ route: act.route, times: 1, fault: act.fault });
    case "linger":
      return world.linger(act.call, act.ms);
    case "skew":
      world.note(`database clock set by ${act.ms} ms`);
      world.skew += act.ms;
      world.skewed = true;
      return;
    case "wrong database":
      return await reconcileInWrongDatabase(world, random);
  }
}

export function setWeather(world: World, weather: Weather): void {
  world.remote.setWeather(weather);
  world.totalSince = weather.total ? world.totalSince ?? world.scheduler.now : null;
}

/** Decides what becomes of a process. */
export function seal(world: World, fate: Fate | null, process: Process): void {
  if (fate === null) return;
  process.fate = {
    at: fate.at,
    meet() {
      world.note(
        `${process.name}: ${fate.end}${fate.end === "freeze" ? ` for ${fate.ms} ms` : ""}`,
      );
      if (fate.end === "freeze") {
        world.faults += 1;
        return process.freeze(fate.ms);
      }
      world.crashes += 1;
      if (fate.end === "crash") return process.crash();
      process.shutdown.abort();
      world.scheduler.after(process.random.between(1, 3_000), () => {
        if (process.running) process.crash();
      });
    },
  };
}

function key(slot: number, stranger = false): { userId: string; sessionId: string } {
  return { userId: ownerOf(slot, stranger), sessionId: slotId(slot) };
}

export async function runJob(world: World, job: Job): Promise<void> {
  const text = {
    nightly: "select acontext_sessions.dispatch_sweep('schedule', true, false)",
    retry: "select acontext_sessions.dispatch_sweep('retry', false, false)",
    reconcile: "select acontext_sessions.dispatch_reconcile('schedule')",
    purge: "select acontext_sessions.purge_history()",
  }[job];
  await world.run(`cron: ${job}`, { role: "postgres", text });
}

function operatorSql(sql: OperatorSql, id: string): string {
  switch (sql) {
    case "delete row":
      return `delete from public.session_mappings where id = '${id}'`;
    case "delete all rows":
      return "delete from public.session_mappings";
    case "delete queue row":
      return `delete from acontext_sessions.deletion_queue where id = '${id}'`;
    case "truncate rows":
      return "truncate public.session_mappings cascade";
    case "truncate queue":
      return "truncate acontext_sessions.deletion_queue";
    case "bind other disk":
      return `update public.session_mappings set acontext_disk_id = gen_random_uuid()
        where id = '${id}' and acontext_disk_id is not null`;
    case "insert active row":
      return `insert into public.session_mappings
        (id, user_id, status, acontext_session_id, acontext_disk_id)
        select '${id}', u.id, 'active', s.acontext_session_id, s.acontext_disk_id
        from auth.users as u, public.session_mappings as s
        where s.status = 'active' and s.id <> '${id}' limit 1`;
  }
}
