/**
 * Training steps of the models of bench/lib/train-models.ts in TensorFlow.js, for bench/train-tfjs.ts:
 *   node train.mjs BACKEND MODEL FILE STEPS
 * FILE is a safetensors file with the parameters and one batch. Prints {"version", "backend", "losses", "ms"} or {"error"}.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";

const [backend, model, file, steps] = process.argv.slice(2);
const say = (answer) => new Promise((done) => process.stdout.write(`${JSON.stringify(answer)}\n`, done));

async function engine() {
  if (backend === "node") return (await import("@tensorflow/tfjs-node")).default;
  const tf = await import("@tensorflow/tfjs");
  if (backend === "wasm") {
    const { setWasmPaths } = await import("@tensorflow/tfjs-backend-wasm");
    const main = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
    setWasmPaths(`${dirname(main)}/`.replace("file://", ""));
  }
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} does not start`);
  await tf.ready();
  return tf;
}

/** Name to {dims, data}; int64 becomes int32. */
function readTensors(path) {
  const raw = readFileSync(path);
  const length = Number(raw.readBigUInt64LE(0));
  const header = JSON.parse(raw.subarray(8, 8 + length).toString());
  const out = {};
  delete header.__metadata__;
  for (const [name, { dtype, shape, data_offsets: [a, b] }] of Object.entries(header)) {
    const bytes = raw.buffer.slice(raw.byteOffset + 8 + length + a, raw.byteOffset + 8 + length + b);
    out[name] = { dims: shape, data: dtype === "I64" ? Int32Array.from(new BigInt64Array(bytes), Number) : new Float32Array(bytes), integer: dtype === "I64" };
  }
  return out;
}

const fixed = /^batch\/|running_|\.(shape|axes|scale|min|max)$/;

function models(tf, p) {
  const linear = (x, name) => tf.add(tf.matMul(x, p[`${name}.weight`], false, true), p[`${name}.bias`]);
  const dense = (x, name) => {
    const flat = tf.reshape(x, [-1, x.shape.at(-1)]);
    return tf.reshape(tf.add(tf.matMul(flat, p[`${name}.weight`]), p[`${name}.bias`]), [...x.shape.slice(0, -1), p[`${name}.weight`].shape[1]]);
  };
  /** Kernels are [out, in, k, k] in the file; TensorFlow.js wants [k, k, in, out] and images [N, H, W, C]. */
  const conv = (x, name, stride, pad) => {
    const y = tf.conv2d(x, tf.transpose(p[`${name}.weight`], [2, 3, 1, 0]), stride, pad);
    return p[`${name}.bias`] ? tf.add(y, p[`${name}.bias`]) : y;
  };
  const bn = (x, name) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.batchNorm(x, mean, variance, p[`${name}.bias`], p[`${name}.weight`], 1e-5);
  };
  const norm = (x, name, epsilon) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon))), p[`${name}.weight`]), p[`${name}.bias`]);
  };
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
  const pixelsLast = (x) => tf.transpose(x, [0, 2, 3, 1]);
  return {
    mlp: ({ input }) => linear(tf.relu(linear(tf.relu(linear(input, "fc1")), "fc2")), "fc3"),
    cnn({ input }) {
      let x = tf.relu(conv(pixelsLast(input), "conv1", 1, "valid"));
      x = tf.maxPool(tf.relu(conv(x, "conv2", 1, "valid")), 2, 2, "valid");
      x = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [x.shape[0], -1]);
      return linear(tf.relu(linear(x, "fc1")), "fc2");
    },
    resnet20({ input }) {
      let x = tf.relu(bn(conv(pixelsLast(input), "conv1", 1, 1), "bn1"));
      for (let stage = 1; stage <= 3; stage++) {
        for (let block = 0; block < 3; block++) {
          const name = `layer${stage}.${block}`;
          const stride = stage > 1 && block === 0 ? 2 : 1;
          const y = bn(conv(tf.relu(bn(conv(x, `${name}.conv1`, stride, 1), `${name}.bn1`)), `${name}.conv2`, 1, 1), `${name}.bn2`);
          x = tf.relu(tf.add(y, p[`${name}.down.weight`] ? bn(conv(x, `${name}.down`, stride, "valid"), `${name}.downbn`) : x));
        }
      }
      return linear(tf.mean(x, [1, 2]), "fc");
    },
    bert({ input_ids: ids, attention_mask: mask }) {
      const [n, t] = ids.shape;
      const width = p["embeddings.word"].shape[1];
      const heads = 4;
      const bias = tf.reshape(tf.mul(tf.sub(1, tf.cast(mask, "float32")), -10000), [n, 1, 1, t]);
      const split = (x) => tf.transpose(tf.reshape(x, [n, t, heads, width / heads]), [0, 2, 1, 3]);
      let x = norm(tf.add(tf.gather(p["embeddings.word"], ids), p["embeddings.position"]), "embeddings.norm", 1e-12);
      const [q, k, v] = ["query", "key", "value"].map((part) => split(dense(x, `layer0.attention.${part}`)));
      const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), (width / heads) ** -0.5), bias);
      const mixed = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [n, t, width]);
      x = norm(tf.add(x, dense(mixed, "layer0.attention.out")), "layer0.norm1", 1e-12);
      x = norm(tf.add(x, dense(gelu(dense(x, "layer0.mlp.fc1")), "layer0.mlp.fc2")), "layer0.norm2", 1e-12);
      const first = tf.reshape(tf.slice(x, [0, 0, 0], [n, 1, width]), [n, width]);
      return linear(tf.tanh(linear(first, "pooler")), "classifier");
    },
  };
}

try {
  const tf = await engine();
  const [p, batch] = [{}, {}];
  for (const [name, { dims, data, integer }] of Object.entries(readTensors(file))) {
    if (name.startsWith("batch/")) batch[name.slice(6)] = tf.tensor(data, dims, integer ? "int32" : "float32");
    else if (!integer && !fixed.test(name)) p[name] = tf.variable(tf.tensor(data, dims), true, name);
  }
  const forward = models(tf, p)[model];
  const classes = 10;
  const optimizer = tf.train.momentum(0.01, 0.9);
  const [ms, losses] = [[], []];
  for (let i = 0; i < Number(steps); i++) {
    const start = performance.now();
    const loss = optimizer.minimize(() => {
      const log = tf.logSoftmax(forward(batch));
      return tf.neg(tf.mean(tf.sum(tf.mul(log, tf.oneHot(batch.labels, classes)), -1)));
    }, true);
    losses.push(loss.dataSync()[0]);
    loss.dispose();
    ms.push(performance.now() - start);
  }
  const version = tf.version_core;
  await say({ version, backend, losses, ms });
} catch (error) {
  await say({ error: String(error instanceof Error ? error.message : error).split("\n")[0] });
}
process.exit(0);
