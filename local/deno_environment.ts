/**
 * The environment of the Deno processes that the stack starts.
 *
 * @module
 */

/** Where packages were put; the registry is part of their place in the cache. */
const CACHE = ["HOME", "DENO_DIR", "XDG_CACHE_HOME", "NPM_CONFIG_REGISTRY"];
/** Whom to trust: a function may call a real Acontext. */
const CERTIFICATES = [
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
];

/** What a Deno process needs from our environment to find its packages and to make connections. It fetches nothing. */
export function denoEnvironment(): Record<string, string> {
  const env: Record<string, string> = { NO_COLOR: "1" };
  for (const name of [...CACHE, ...CERTIFICATES]) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}
