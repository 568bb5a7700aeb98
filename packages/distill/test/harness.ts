import { ortRuntime } from "@lathe/ort";

export const runtime = ortRuntime({ load: { threads: 1, log: "fatal" } });
