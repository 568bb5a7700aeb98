import { readFileSync } from "node:fs";

/**
 * Peak resident memory of this program so far, MB. Linux counts into maxRSS what the parent held when it forked; VmHWM is of this program alone.
 * @returns {number}
 */
export function peakMb() {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
