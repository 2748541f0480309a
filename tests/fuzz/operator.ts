/** What the operator does meanwhile: settings, sweeps, reconcile, health. @module */

import fc from "fast-check";
import type { Act } from "./acts.ts";
import { act, json } from "./calls.ts";

const LENGTHS = [
  "session_ttl",
  "deletion_grace",
  "log_retention",
  "orphan_grace",
  "provisioning_timeout",
  "touch_granularity",
];
const LIMITS = [
  ...["max_sessions_per_user", "max_sessions_per_anonymous_user", "max_messages_per_session"],
  ...[
    "max_creations_per_minute",
    "max_deletions_per_minute",
    "max_stores_per_minute",
    "max_file_writes_per_minute",
  ],
];

/** What an operator may try: good values, and lengths of time that are not what they look like. */
const SETTINGS = [
  ...[
    '{"session_ttl":"20 days"}',
    '{"session_ttl":"400 days"}',
    '{"session_ttl":"3650 days"}',
    '{"session_ttl":"1 month"}',
  ],
  ...[
    '{"deletion_grace":"1 hour"}',
    '{"deletion_grace":"0"}',
    '{"deletion_grace":"1 year"}',
    '{"log_retention":"1 day"}',
  ],
  ...[
    '{"max_per_run":1}',
    '{"max_per_run":2000}',
    '{"orphan_grace":"30 days"}',
    '{"orphan_grace":"10 minutes"}',
  ],
  ...[
    '{"max_expiry_minimum":1}',
    '{"max_expiry_minimum":100}',
    '{"disable_task_tracking":true}',
    "{}",
    "[]",
    '{"x":1}',
  ],
  ...['{"cleanup_schedule":"0 0 30 2 *"}', '{"touch_granularity":"0"}'],
  ...LENGTHS.flatMap((name) =>
    ["infinity", "-1000 years 363650 days", "-1 month 31 days", "1 second", "x"].map((value) =>
      `{"${name}":"${value}"}`
    )
  ),
  ...LIMITS.flatMap((name) =>
    ["5", "null", "null", "1e9", "0"].map((value) => `{"${name}":${value}}`)
  ),
];

const SWEEPS = [
  ...[
    "{}",
    '{"dryRun":true}',
    '{"limit":1}',
    '{"limit":10000}',
    '{"dryRun":true,"force":true}',
  ],
  ...[
    '{"task":"reconcile"}',
    '{"task":"reconcile","dryRun":true}',
    '{"task":"reconcile","force":true}',
    '{"limit":0}',
  ],
];

export function operatorCalls(): fc.Arbitrary<Act> {
  const configured = fc.constantFrom(...SETTINGS).map((changes): Act => ({
    role: "operator",
    method: "POST",
    path: "/rest/v1/rpc/acontext_configure_cleanup",
    headers: json,
    body: `{"p_changes":${changes}}`,
  }));
  const health = fc.constantFrom("", "?format=prometheus", "?probe=acontext", "?x=1")
    .map((query) => act("operator", "GET", `/session-health${query}`)(null));
  return fc.oneof(
    { weight: 2, arbitrary: configured },
    {
      weight: 3,
      arbitrary: fc.constantFrom(...SWEEPS).map(act("operator", "POST", "/cleanup-sessions")),
    },
    { weight: 1, arbitrary: health },
  );
}
