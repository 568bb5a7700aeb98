/** Evaluation of NonMaxSuppression on constant boxes, in float32 steps as ONNX Runtime takes them. */
import { Tensor } from "../../tensor.ts";
import type { Evaluate } from "./elementwise.ts";

const f32 = Math.fround;
const MAX_BOXES = 1024;

interface Box {
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
}

const ordered = (a: number, b: number): readonly [number, number] => (a <= b ? [a, b] : [b, a]);

/** [y1, x1, y2, x2] with corners in any order, or [x, y, width, height] around the centre. */
function boxAt(data: Float32Array, at: number, centre: boolean): Box {
  const [a, b, c, d] = [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!];
  if (!centre) return { x: ordered(b, d), y: ordered(a, c) };
  const around = (middle: number, size: number): readonly [number, number] => [f32(middle - f32(size / 2)), f32(middle + f32(size / 2))];
  return { x: around(a, c), y: around(b, d) };
}

const area = ({ x, y }: Box): number => f32(f32(x[1] - x[0]) * f32(y[1] - y[0]));

/** Intersection over union; 0 where there is no overlap or a box is empty. */
function overlap(a: Box, b: Box): number {
  const width = f32(Math.min(a.x[1], b.x[1]) - Math.max(a.x[0], b.x[0]));
  const height = f32(Math.min(a.y[1], b.y[1]) - Math.max(a.y[0], b.y[0]));
  if (width <= 0 || height <= 0) return 0;
  const shared = f32(width * height);
  const union = f32(f32(area(a) + area(b)) - shared);
  return area(a) <= 0 || area(b) <= 0 || union <= 0 ? 0 : f32(shared / union);
}

/** boxes [batches, n, 4], scores [batches, classes, n] -> rows of (batch, class, box), best first within each class. */
export const nonMaxSuppression: Evaluate = (node, inputs) => {
  const [boxes, scores, limit, threshold, least] = inputs;
  if (!boxes || !scores || boxes.dims.length !== 3 || scores.dims.length !== 3 || node.inputs.some((v, i) => v && !inputs[i])) return undefined;
  const [batches, count] = boxes.dims as [number, number];
  const classes = scores.dims[1]!;
  if (count > MAX_BOXES || scores.size !== batches * classes * count) return undefined;
  const most = Math.max(0, limit?.toNumbers()[0] ?? 0);
  const cutoff = threshold?.toFloat32()[0] ?? 0;
  const floor = least?.toFloat32()[0];
  const all = boxes.toFloat32();
  const values = scores.toFloat32();
  const centre = node.int("center_point_box", 0) === 1;
  const rows: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    for (let kind = 0; kind < classes; kind++) {
      const from = (batch * classes + kind) * count;
      const candidates = Array.from({ length: count }, (_, i) => i)
        .filter((i) => floor === undefined || values[from + i]! > floor)
        .sort((a, b) => values[from + b]! - values[from + a]! || a - b);
      const kept: Box[] = [];
      for (const i of candidates) {
        if (kept.length >= most) break;
        const box = boxAt(all, (batch * count + i) * 4, centre);
        if (kept.some((other) => overlap(box, other) > cutoff)) continue;
        kept.push(box);
        rows.push(batch, kind, i);
      }
    }
  }
  return [Tensor.int64(rows, [rows.length / 3, 3])];
};
