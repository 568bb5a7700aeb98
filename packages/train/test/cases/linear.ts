import type { Case } from "./case.ts";

export const linear: readonly Case[] = [
  { op: "Gemm", as: "bias", in: [[2, 3], [3, 4], [4]], f64: true },
  { op: "Gemm", as: "transB, symbolic batch", in: [[2, 3], [4, 3], [4]], at: { transB: 1 }, f64: true, batch: [0] },
  { op: "Gemm", as: "transA, alpha, beta, column bias", in: [[3, 2], [3, 4], [2, 1]], at: { transA: 1, alpha: { float: 0.5 }, beta: { float: 2 } }, f64: true },
  { op: "Gemm", as: "both transposed, scalar bias", in: [[3, 2], [4, 3], []], at: { transA: 1, transB: 1 }, f64: true },
  { op: "Gemm", as: "no bias", in: [[2, 3], [3, 4]], f64: true },
  { op: "MatMul", as: "matrices", in: [[2, 3], [3, 4]], f64: true },
  { op: "MatMul", as: "batch by matrix", in: [[2, 3, 4, 5], [5, 6]], f64: true },
  { op: "MatMul", as: "symbolic batch by matrix", in: [[2, 4, 5], [5, 6]], f64: true, batch: [0] },
  { op: "MatMul", as: "matrix by batch", in: [[4, 5], [2, 3, 5, 6]], f64: true },
  { op: "MatMul", as: "batches broadcast against each other", in: [[2, 1, 4, 5], [3, 5, 6]], f64: true },
  { op: "MatMul", as: "equal batches", in: [[2, 3, 4, 5], [2, 3, 5, 6]], f64: true },
  { op: "MatMul", as: "vector by matrix", in: [[3], [3, 4]], f64: true },
  { op: "MatMul", as: "matrix by vector", in: [[2, 3], [3]], f64: true },
  { op: "MatMul", as: "vector by vector", in: [[3], [3]], f64: true },
  { op: "MatMul", as: "vector by batch", in: [[3], [2, 3, 4]], f64: true },
  { op: "MatMul", as: "batch by vector", in: [[2, 4, 3], [3]], f64: true },
  { op: "Einsum", as: "bij,bjk->bik", in: [[2, 3, 4], [2, 4, 5]], at: { equation: "bij,bjk->bik" }, f64: true },
  { op: "Einsum", as: "attention scores", in: [[2, 2, 3, 4], [2, 2, 5, 4]], at: { equation: "bhqd,bhkd->bhqk" }, f64: true },
  { op: "Einsum", as: "transpose", in: [[2, 3]], at: { equation: "ij->ji" }, f64: true },
  { op: "Einsum", as: "a summed axis of one operand", in: [[2, 3, 4], [4]], at: { equation: "ijk,k->ik" }, f64: true },
];
