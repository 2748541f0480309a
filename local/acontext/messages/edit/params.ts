/** Parameters of edit strategies. @module */

import type { JsonObject } from "../../json.ts";

/** A strategy that is not known, or a parameter that will not do. */
export class StrategyError extends Error {
  override name = "StrategyError";
}

/** A whole number; fractions are cut off. */
function integerParam(params: JsonObject, name: string, fallback: number): number {
  const value = Object.hasOwn(params, name) ? params[name] : fallback;
  if (typeof value !== "number") throw new StrategyError(`${name} must be an integer`);
  return Math.trunc(value);
}

export function countParam(params: JsonObject, name: string, fallback: number): number {
  const value = integerParam(params, name, fallback);
  if (value < 0) throw new StrategyError(`${name} must be >= 0, got ${value}`);
  return value;
}

/** An optional threshold; 0 when absent. */
export function thresholdParam(params: JsonObject, name: string): number {
  return Object.hasOwn(params, name) ? requiredPositive(params, name) : 0;
}

export function requiredPositive(params: JsonObject, name: string): number {
  if (!Object.hasOwn(params, name)) throw new StrategyError(`'${name}' parameter is required`);
  const value = integerParam(params, name, 0);
  if (value <= 0) throw new StrategyError(`${name} must be > 0, got ${value}`);
  return value;
}

export function namesParam(params: JsonObject, name: string): Set<string> {
  const value = params[name] ?? [];
  if (!Array.isArray(value)) throw new StrategyError(`${name} must be an array of strings`);
  return new Set(value.map((element: unknown) => {
    if (typeof element === "string") return element;
    throw new StrategyError(`${name} must be an array of strings`);
  }));
}
