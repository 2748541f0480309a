/**
 * What stands for a part of a package that no function uses. It may be made; whatever is then asked of it throws.
 *
 * @module
 */

/** @param name What a reader of the error would look for. */
export function leftOut(name: string): never | object {
  function refuse(_: object, property: string | symbol): never {
    throw new Error(
      `Cannot use ${name}.${
        String(property)
      }: this bundle leaves it out, see tools/bundle/replacements`,
    );
  }
  return new Proxy({}, {
    get: refuse,
    set: refuse,
    has: refuse,
    deleteProperty: refuse,
    defineProperty: refuse,
  });
}
