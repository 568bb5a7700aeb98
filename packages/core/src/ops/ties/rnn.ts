/**
 * RNN, GRU, LSTM: hidden units are cut in all gates at once. Blocks of the hidden size lie behind one another: `gates` of them in
 * W and R, twice as many in the bias, three in the peepholes.
 */
import { input, output, rule, type Ties } from "./build.ts";
import { setInt } from "./resize.ts";

export const recurrentTies = (gates: 1 | 3 | 4): Ties => (c) => {
  const { node } = c;
  const batchFirst = node.int("layout", 0) !== 0;
  const hidden = input(2, 2);
  const r = rule()
    .tie(input(0, 2), input(1, 2), { spans: "sum" })
    .tie(hidden, input(1, 1), { outer: gates })
    // A hidden unit feeds all gates of the next step: the sum over it is exact when its column of R is zero.
    .tie(hidden, input(2, 1), { outer: gates, spans: "sum" });
  if (node.input(3)) r.tie(hidden, input(3, 1), { outer: 2 * gates });
  if (node.input(7)) r.tie(hidden, input(7, 1), { outer: 3 });
  r.same([hidden, ...[5, 6].flatMap((i) => (node.input(i) ? [input(i, 2)] : []))]);
  r.same([hidden, ...node.outputs.flatMap((v, i) => (v ? [output(i, i === 0 ? 3 : 2)] : []))]);
  const batch = batchFirst ? 0 : 1;
  const states = [5, 6].flatMap((i) => (node.input(i) ? [input(i, batch)] : []));
  const outputs = node.outputs.flatMap((v, i) => (v ? [output(i, i === 0 && !batchFirst ? 2 : batch)] : []));
  r.same([input(0, batch), ...states, ...outputs, ...(node.input(4) ? [input(4, 0)] : [])]);
  return r.resize(hidden, setInt("hidden_size")).done();
};
