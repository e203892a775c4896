import hooks from "node:async_hooks";

/**
 * Preloaded by whatever runs tests: the runner would be told of every promise, to know which test an error is of that nobody
 * caught, and an `await` would take 5 µs instead of 0.3. Such an error still fails the file that it is thrown in, and tests still
 * find their parents, by everything asynchronous that is no promise.
 */
const { createHook } = hooks;
hooks.createHook = (callbacks) => createHook({ ...callbacks, trackPromises: false });
