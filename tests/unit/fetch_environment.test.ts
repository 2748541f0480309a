import { assertEquals } from "@std/assert/mod.js";
import { join } from "@std/path/mod.js";
import { fetchEnvironment } from "../../tools/run/environment.mjs";

function pem(name: string): string {
  return `-----BEGIN CERTIFICATE-----\n${btoa(name)}\n-----END CERTIFICATE-----`;
}

/** What is set for `env`, and the certificates that were put together. */
function translate(env: Record<string, string>): { set: Record<string, string>; kept: string[] } {
  const kept: string[] = [];
  const set = fetchEnvironment(env, (text: string) => {
    kept.push(...text.trim().split(/(?<=END CERTIFICATE-----)\n/));
    return "/kept.pem";
  });
  return { set, kept };
}

async function withFiles(files: Record<string, string>, use: (folder: string) => void) {
  const folder = await Deno.makeTempDir({ prefix: "acontext-sessions-certificates-" });
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(join(folder, name), text);
    }
    use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what Deno and Node both read is left alone", () => {
  const env = {
    NPM_CONFIG_REGISTRY: "https://mirror.test/",
    HTTPS_PROXY: "http://proxy.test:3128",
    NO_PROXY: "127.0.0.1",
    NODE_EXTRA_CA_CERTS: "/ca.pem",
    PATH: "/bin",
  };
  assertEquals(translate(env).set, { NPM_CONFIG_REGISTRY: "https://mirror.test/" });
});

Deno.test("npm's registry and proxies are told to Deno by the names that it reads", () => {
  const { set } = translate({
    npm_config_registry: "https://mirror.test/",
    npm_config_https_proxy: "http://secure.test:3128",
    npm_config_proxy: "http://plain.test:3128",
    npm_config_noproxy: "127.0.0.1",
  });
  assertEquals(set, {
    NPM_CONFIG_REGISTRY: "https://mirror.test/",
    HTTPS_PROXY: "http://secure.test:3128",
    HTTP_PROXY: "http://plain.test:3128",
    NO_PROXY: "127.0.0.1",
  });
});

Deno.test("a proxy of the environment counts more than npm's, in either spelling", () => {
  const { set } = translate({
    https_proxy: "http://a.test",
    npm_config_https_proxy: "http://b.test",
  });
  assertEquals(set, {});
});

Deno.test("SSL_CERT_FILE, which neither npm nor Deno reads, is told to both", async () => {
  await withFiles({ "ca.pem": pem("own") }, (folder) => {
    const { set, kept } = translate({ SSL_CERT_FILE: join(folder, "ca.pem") });
    assertEquals(set, { NODE_EXTRA_CA_CERTS: "/kept.pem" });
    assertEquals(kept, [pem("own")]);
  });
});

Deno.test("certificates from all places are put together, each once", async () => {
  const files = {
    "extra.pem": pem("extra"),
    "deno.pem": `# for Deno\n${pem("deno")}\n${pem("extra")}\n`,
    "npm.pem": pem("npm"),
  };
  await withFiles(files, (folder) => {
    const { set, kept } = translate({
      NODE_EXTRA_CA_CERTS: join(folder, "extra.pem"),
      DENO_CERT: join(folder, "deno.pem"),
      npm_config_cafile: join(folder, "npm.pem"),
      npm_config_ca: pem("inline"),
      SSL_CERT_DIR: `/no/such/folder:${folder}`,
    });
    assertEquals(set, { NODE_EXTRA_CA_CERTS: "/kept.pem" });
    assertEquals(kept.sort(), ["deno", "extra", "inline", "npm"].map(pem).sort());
  });
});

Deno.test("a file without certificates, or one that is not there, takes nothing away", async () => {
  await withFiles({ "empty.pem": "" }, (folder) => {
    const env = {
      NODE_EXTRA_CA_CERTS: "/ca.pem",
      SSL_CERT_FILE: join(folder, "empty.pem"),
      SSL_CERT_DIR: "/no/such/folder",
    };
    assertEquals(translate(env), { set: {}, kept: [] });
  });
});

Deno.test("the system's own store of certificates is used by both when one is told to", () => {
  assertEquals(translate({ NODE_OPTIONS: "--use-system-ca" }).set, {
    DENO_TLS_CA_STORE: "mozilla,system",
  });
  assertEquals(translate({ DENO_TLS_CA_STORE: "system" }).set, { NODE_USE_SYSTEM_CA: "1" });
});
