/**
 * What stands for a part of a package that no function uses. It may be made; whatever else is asked of it throws.
 *
 * @module
 */

/**
 * @param name What a reader of the error would look for.
 * @param kept What may be asked nevertheless.
 */
export function leftOut(name: string, kept: Record<PropertyKey, unknown> = {}): object {
  function refuse(property: string | symbol): never {
    throw new Error(
      `Cannot use ${name}.${
        String(property)
      }: this bundle leaves it out, see tools/bundle/replacements`,
    );
  }
  return new Proxy(kept, {
    get: (target, property) => target[property] ?? refuse(property),
    set: (_, property) => refuse(property),
    has: (_, property) => refuse(property),
    deleteProperty: (_, property) => refuse(property),
    defineProperty: (_, property) => refuse(property),
  });
}
