/** Imports what its arguments name, one after the other, and prints how many milliseconds each took. @module */

const times: number[] = [];
for (const specifier of Deno.args) {
  const started = performance.now();
  // Named by a variable, so that nothing of it is loaded before.
  await import(specifier);
  times.push(performance.now() - started);
}
console.log(JSON.stringify(times));
Deno.exit(0);
