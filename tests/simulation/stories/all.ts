/** Short sequences that lead to the narrow places, which events drawn one by one seldom find. @module */

import { DELETING } from "./deleting.ts";
import { LEFTOVERS } from "./leftovers.ts";
import { MAKING } from "./making.ts";
import { MEETING } from "./meeting.ts";
import { TALKING } from "./talking.ts";

export const STORIES = { ...MAKING, ...DELETING, ...LEFTOVERS, ...MEETING, ...TALKING };
