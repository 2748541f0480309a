/** In place of `@supabase/realtime-js`: supabase-js makes a client of it, and the functions never ask it for anything. @module */

import { leftOut } from "./left_out.ts";

export class RealtimeClient {
  constructor() {
    return leftOut("supabase.realtime");
  }
}
