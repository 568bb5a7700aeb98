// Preloaded (`node --import`): writes peak resident memory and processor time to the file named in LATHE_USAGE when the process ends.
import { writeFileSync } from "node:fs";
import { peakMb } from "./peak-memory.mjs";

process.on("exit", () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  writeFileSync(process.env.LATHE_USAGE, JSON.stringify({ peakMb: peakMb(), cpuMs: (userCPUTime + systemCPUTime) / 1000 }));
});
