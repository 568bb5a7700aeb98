import type { Case } from "./case.ts";

const [length, batch, input, hidden] = [3, 2, 4, 3];
const weights = (gates: number, directions = 1): readonly (readonly number[])[] =>
  [[directions, gates * hidden, input], [directions, gates * hidden, hidden], [directions, 2 * gates * hidden]];
const x = [length, batch, input];

export const recurrent: readonly Case[] = [
  { op: "LSTM", in: [x, ...weights(4)], at: { hidden_size: hidden }, outs: 3 },
  { op: "LSTM", as: "initial state, no bias", in: [x, ...weights(4).slice(0, 2), null, null, [1, batch, hidden], [1, batch, hidden]], at: { hidden_size: hidden }, outs: 3 },
  { op: "LSTM", as: "bidirectional", in: [x, ...weights(4, 2)], at: { hidden_size: hidden, direction: "bidirectional" }, outs: 3 },
  { op: "LSTM", as: "reverse", in: [x, ...weights(4)], at: { hidden_size: hidden, direction: "reverse" }, outs: 3 },
  { op: "GRU", in: [x, ...weights(3)], at: { hidden_size: hidden }, outs: 2 },
  { op: "GRU", as: "reset after the product, initial state", in: [x, ...weights(3), null, [1, batch, hidden]], at: { hidden_size: hidden, linear_before_reset: 1 }, outs: 2 },
  { op: "GRU", as: "bidirectional, no bias", in: [x, ...weights(3, 2).slice(0, 2)], at: { hidden_size: hidden, direction: "bidirectional" }, outs: 2 },
];
