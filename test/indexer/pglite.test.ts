import { indexerOn } from "./suite.ts";

indexerOn("PGlite");
