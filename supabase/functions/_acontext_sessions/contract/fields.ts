/**
 * Fields that several bodies have.
 *
 * @module
 */
import * as z from "zod";
import { isId } from "../core/ids.ts";

export const id = z.string({ error: "must be a UUID" })
  .transform((text) => text.toLowerCase())
  .refine(isId, { error: "must be a UUID other than the nil UUID" })
  .meta({ format: "uuid" });

export const flag = z.boolean({ error: "must be true or false" }).default(false);
