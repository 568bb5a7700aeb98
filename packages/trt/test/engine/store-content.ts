import type { EngineIdentity } from "@lathe/trt";

export const identity = (): EngineIdentity => ({ format: 1, model: "abc", spec: {}, tool: "trtexec 10.13.3 build 9", gpu: "NVIDIA A, compute capability 8.6", driver: "570.1", platform: "linux-x64" });

/** An engine as far as anyone here looks: its header, and a mark. */
export function planBytes(size: number, mark = 0): Uint8Array {
  const bytes = new Uint8Array(size);
  bytes.set([0x66, 0x74, 0x72, 0x74]);
  bytes.set([10, 13, 3, 9], 24);
  bytes[40] = mark;
  return bytes;
}
