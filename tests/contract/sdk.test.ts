import * as acontext from "@acontext/acontext";
import { testSdk } from "./sdk.ts";

testSdk("SDK", acontext);
