/** Named places where a test may have the process killed, as a power cut would. */
export type Failpoint = (name: string) => void;

/** `WEFT_FAILPOINT=name:n` kills this process, without any goodbye, on the n-th pass of that place. */
export function failpointsFrom(setting: string | undefined): Failpoint {
  if (!setting) return () => {};
  const [target, passes = "1"] = setting.split(":");
  let left = Number(passes);
  return (name) => {
    if (name === target && --left === 0) process.kill(process.pid, "SIGKILL");
  };
}
