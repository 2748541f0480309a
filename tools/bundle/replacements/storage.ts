/** In place of `@supabase/storage-js`: supabase-js makes a client of it, and the functions never ask it for anything. @module */

import { leftOut } from "./left_out.ts";

export class StorageClient {
  constructor() {
    return leftOut("supabase.storage");
  }
}

export class StorageApiError {
  constructor() {
    return leftOut("StorageApiError");
  }
}
