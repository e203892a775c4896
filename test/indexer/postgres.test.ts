import { indexerOn } from "./suite.ts";

indexerOn("PostgreSQL");
