/**
 * `npm run build:functions`: makes `dist/`, each function as the one file that is deployed.
 *
 * @module
 */

import { buildFunctions, DIST } from "./bundle/project.ts";

if (import.meta.main) {
  for (const { path, bytes, sha256 } of await buildFunctions(DIST)) {
    console.log(`${sha256}  ${String(bytes).padStart(7)}  dist/${path}`);
  }
}
