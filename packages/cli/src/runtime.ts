import { ortRuntime, type OrtRuntime, type PlacementKind } from "@lathe/ort";

/** ONNX Runtime as the commands use it. What it would log of a failure comes in the error as well. */
export const quietRuntime = (placement: PlacementKind): OrtRuntime => ortRuntime({ placement, load: { log: "fatal" } });
