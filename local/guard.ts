/**
 * Ends the programs we started when we end, however sudden that is.
 *
 * One small shell reads from a pipe which programs there are. The pipe closes with our process, even if that is killed;
 * then the shell signals what is still on its list. It ends by itself when the list is empty.
 *
 * @module
 */

const SCRIPT = `
programs=
while read -r verb pid signal; do
  if [ "$verb" = add ]; then
    programs="$programs $pid:$signal"
  else
    kept=
    for entry in $programs; do [ "\${entry%%:*}" = "$pid" ] || kept="$kept $entry"; done
    programs=$kept
  fi
done
for entry in $programs; do kill -s "\${entry##*:}" "\${entry%%:*}"; done
`;

interface Guard {
  tell(line: string): Promise<void>;
  close(): Promise<void>;
}

let current: Guard | null = null;
const guarded = new Set<number>();

function startGuard(): Guard {
  const shell = new Deno.Command("/bin/sh", {
    args: ["-c", SCRIPT, "acontext-sessions-guard"],
    clearEnv: true,
    // Not in our process group: Ctrl-C in a terminal must not end it before us.
    detached: true,
    cwd: "/",
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const writer = shell.stdin.getWriter();
  const encoder = new TextEncoder();
  return {
    async tell(line) {
      await writer.write(encoder.encode(`${line}\n`)).catch(() => {});
    },
    async close() {
      await writer.close().catch(() => {});
      await shell.status;
    },
  };
}

/** From now on `pid` gets `signal` when we are gone. */
export async function guard(pid: number, signal: "SIGTERM" | "SIGINT"): Promise<void> {
  guarded.add(pid);
  current ??= startGuard();
  await current.tell(`add ${pid} ${signal.slice(3)}`);
}

/** `pid` has ended. */
export async function unguard(pid: number): Promise<void> {
  guarded.delete(pid);
  const last = current;
  if (last === null) return;
  await last.tell(`remove ${pid}`);
  if (guarded.size > 0 || current !== last) return;
  current = null;
  await last.close();
}
