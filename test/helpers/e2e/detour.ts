import { Socket } from "node:net";
import { ROUTES } from "./routes.ts";

// Loaded into a worker before anything else: where it dials one port, it gets another. The registry names one endpoint
// for each operator, so this is how a test comes between one worker and another.
const routes: Record<string, number> = JSON.parse(process.env[ROUTES] ?? "{}");
const { connect } = Socket.prototype;

Socket.prototype.connect = function (this: Socket, ...args: unknown[]) {
  // `net.connect` hands on what it was given as one list.
  const list = Array.isArray(args[0]) ? args[0] : args;
  const [target] = list;
  if (typeof target === "object" && target !== null && "port" in target) {
    const port = routes[String(target.port)];
    // A copy: an agent finds its sockets again by the very object that it gave.
    if (port !== undefined) list[0] = { ...target, port };
  }
  return Reflect.apply(connect, this, args);
} as typeof connect;
