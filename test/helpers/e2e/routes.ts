/** Environment variable with a worker's detours: which port stands for which, as JSON. */
export const ROUTES = "WEFT_TEST_ROUTES";
