import { assert, assertEquals } from "@std/assert/mod.js";
import fc from "fast-check";
import { z } from "zod";
import { createCalls, sessionOf } from "../integration/support/functions.ts";
import { createUsers, type TestUser } from "../integration/support/users.ts";
import { readStackInfo } from "../support/stack_info.ts";
import { REGRESSIONS } from "./regressions.ts";
import { type FuzzRequest, requests } from "./requests.ts";

const COUNT = Number(Deno.env.get("FUZZ_REQUESTS") ?? 10_000);
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const AT_A_TIME = 16;
/** After so many requests the sessions are new: some requests delete them. */
const BATCH = 250;

const errorSchema = z.looseObject({ code: z.string().min(1), message: z.string().min(1) });

const info = readStackInfo();
const calls = createCalls(info);
const users = createUsers(info);

/** How many answers had each status. */
const met = new Map<number, number>();

interface Cast {
  user: TestUser;
  ids: Record<string, string>;
}

async function newCast(user: TestUser, other: TestUser): Promise<Cast> {
  const [own, spare, foreign, deleted] = await Promise.all([
    calls.create(user),
    calls.create(user),
    calls.create(other),
    calls.create(user),
  ]);
  const ids = {
    own: sessionOf(own).id,
    spare: sessionOf(spare).id,
    foreign: sessionOf(foreign).id,
    deleted: sessionOf(deleted).id,
  };
  await calls.remove(user, ids.deleted);
  return { user, ids };
}

/** What is wrong with the answer to a request, if anything. */
async function send(request: FuzzRequest, { user, ids }: Cast): Promise<string | null> {
  const path = request.path.replace(/\{(\w+)\}/, (all, name: string) => ids[name] ?? all);
  const credentials: Record<FuzzRequest["caller"], Record<string, string>> = {
    user: { authorization: `Bearer ${user.token}` },
    nobody: {},
    garbage: { authorization: "Bearer a.b.c", apikey: "sb_secret_x" },
    secret: { apikey: info.secretKey },
  };
  const response = await fetch(`${info.apiUrl}/functions/v1${path}`, {
    method: request.method,
    headers: { ...request.headers, ...credentials[request.caller] },
    body: request.body === null ? null : new TextEncoder().encode(request.body),
    signal: AbortSignal.timeout(20_000),
  });
  const text = await response.text();
  met.set(response.status, (met.get(response.status) ?? 0) + 1);
  if (response.status >= 500) return `${response.status} ${text}`;
  if (response.status < 400) return null;
  if (/\bat .+:\d+:\d+|\.ts\b|node_modules/.test(text)) return `a stack trace: ${text}`;
  const body = errorSchema.safeParse(parse(text));
  return body.success ? null : `no code and message: ${response.status} ${text}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Sends all, some at a time, and answers what went wrong. */
async function sendAll(all: FuzzRequest[]): Promise<string[]> {
  const [user, other] = [await users.newUser(), await users.newUser()];
  const problems: string[] = [];
  for (let start = 0; start < all.length; start += BATCH) {
    const cast = await newCast(user, other);
    const batch = all.slice(start, start + BATCH);
    const work = async () => {
      for (let request = batch.shift(); request !== undefined; request = batch.shift()) {
        const problem = await send(request, cast).catch(String);
        if (problem !== null) problems.push(`${problem}\n  ${JSON.stringify(request)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, work));
  }
  return problems;
}

Deno.test("requests that once did are answered well", async () => {
  assertEquals(await sendAll(REGRESSIONS), []);
});

Deno.test(`${COUNT} bad and borderline requests get no 5xx and no stack trace`, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  met.clear();
  const problems = await sendAll(fc.sample(requests, { numRuns: COUNT, seed: SEED }));
  console.log([...met].toSorted(([a], [b]) => a - b).map((pair) => pair.join(": ")).join(", "));
  assertEquals(problems.slice(0, 5), [], `${problems.length} of ${COUNT}, FUZZ_SEED=${SEED}`);
  // Requests that all fail at the door would try nothing.
  assert((met.get(200) ?? 0) + (met.get(201) ?? 0) > COUNT / 20, "too few requests are good");
});
