/**
 * The environment in which packages are fetched: as the caller's npm would fetch them, and Deno too.
 *
 * Deno 2.9 reads the usual proxy variables, NPM_CONFIG_REGISTRY in capitals only, DENO_CERT and NODE_EXTRA_CA_CERTS, and
 * SSL_CERT_FILE only together with DENO_TLS_CA_STORE=system. Node reads NODE_EXTRA_CA_CERTS alone. npm hands its own
 * settings, those of .npmrc too, to the scripts that it runs, as npm_config_….
 *
 * Plain old JavaScript: run.mjs is read by any Node.
 *
 * @module
 */

import { readdirSync, readFileSync } from "fs";
import { join } from "path";

const CERTIFICATE =
  /-----BEGIN (?:TRUSTED )?CERTIFICATE-----[^-]+-----END (?:TRUSTED )?CERTIFICATE-----/g;

function firstOf(env, names) {
  const name = names.find((each) => env[each] !== undefined && env[each] !== "");
  return name === undefined ? undefined : env[name];
}

/** A proxy of npm's settings counts when the environment names none. */
function proxies(env) {
  const https = firstOf(env, ["npm_config_https_proxy", "npm_config_proxy"]);
  return [
    ["HTTPS_PROXY", ["HTTPS_PROXY", "https_proxy"], https],
    ["HTTP_PROXY", ["HTTP_PROXY", "http_proxy"], firstOf(env, ["npm_config_proxy"])],
    ["NO_PROXY", ["NO_PROXY", "no_proxy"], firstOf(env, ["npm_config_noproxy"])],
  ].filter(([, names, value]) => value !== undefined && firstOf(env, names) === undefined)
    .map(([name, , value]) => [name, value]);
}

/** The system's own store of certificates, when Node or Deno is told to use it, for both. */
function systemStore(env) {
  const deno = (env.DENO_TLS_CA_STORE || "").split(",").includes("system");
  const node = env.NODE_USE_SYSTEM_CA === "1" ||
    (env.NODE_OPTIONS || "").includes("--use-system-ca");
  if (node && !env.DENO_TLS_CA_STORE) return [["DENO_TLS_CA_STORE", "mozilla,system"]];
  if (deno && !node) return [["NODE_USE_SYSTEM_CA", "1"]];
  return [];
}

function filesOf(folder) {
  try {
    return readdirSync(folder).sort().map((name) => join(folder, name));
  } catch {
    return [];
  }
}

function certificatesIn(file) {
  try {
    return readFileSync(file, "utf8").match(CERTIFICATE) || [];
  } catch {
    return [];
  }
}

/** Everything that any of the variables says is to be trusted, as a file for the one variable that all read. */
function extraCertificates(env, keep) {
  const extra = firstOf(env, ["NODE_EXTRA_CA_CERTS"]);
  const files = ["SSL_CERT_FILE", "DENO_CERT", "npm_config_cafile"]
    .map((name) => firstOf(env, [name]))
    .filter((file) => file !== undefined && file !== extra);
  const folders = (env.SSL_CERT_DIR || "").split(":").filter((folder) => folder !== "");
  const inline = (env.npm_config_ca || "").match(CERTIFICATE) || [];
  if (files.length + folders.length + inline.length === 0) return [];
  const all = new Set(inline);
  for (const file of [extra, ...files, ...[].concat(...folders.map(filesOf))]) {
    if (file !== undefined) { for (const found of certificatesIn(file)) all.add(found); }
  }
  if (all.size === 0) return [];
  return [["NODE_EXTRA_CA_CERTS", keep(`${Array.from(all).join("\n")}\n`)]];
}

/**
 * What to set on top of `env`. `keep` is given certificates that stand in several places and answers the name of one file
 * that has them all.
 */
export function fetchEnvironment(env, keep) {
  const registry = firstOf(env, ["NPM_CONFIG_REGISTRY", "npm_config_registry"]);
  return Object.fromEntries([
    ...(registry === undefined ? [] : [["NPM_CONFIG_REGISTRY", registry]]),
    ...proxies(env),
    ...systemStore(env),
    ...extraCertificates(env, keep),
  ]);
}
