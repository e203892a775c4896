// Loaded before every process of a devnet: it must not outlive the harness, however that ends. The channel closes with
// the harness; asked politely first, because a worker has files to close.
const STOP_MS = 6_000;

function end(): void {
  setTimeout(() => process.kill(process.pid, "SIGKILL"), STOP_MS).unref();
  process.kill(process.pid, "SIGTERM");
}

if (!process.connected) end();
process.once("disconnect", end);
// Watching must not keep a process alive that is done.
process.channel?.unref();
