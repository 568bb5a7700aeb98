// Preloaded (`node --import`): writes peak resident memory and processor time to the file named in LATHE_USAGE when the process ends.
import { readFileSync, writeFileSync } from "node:fs";

/** Linux counts into maxRSS what the parent held when it forked; VmHWM is of this program alone. */
function peakMb(fallbackKb) {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  } catch {
    return fallbackKb / 1024;
  }
}

process.on("exit", () => {
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  writeFileSync(process.env.LATHE_USAGE, JSON.stringify({ peakMb: peakMb(maxRSS), cpuMs: (userCPUTime + systemCPUTime) / 1000 }));
});
