/** Repeatable damage to bytes. */

/** A linear congruential generator (constants of Numerical Recipes): the same seed gives the same run. */
export function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** One to three edits: flip a bit, set a byte to a boundary value, cut, repeat, insert, or overwrite a run from elsewhere. */
export function mutate(seed: Uint8Array, pick: (below: number) => number): Uint8Array {
  let bytes: Uint8Array = seed.slice();
  for (let edits = 1 + pick(3); edits > 0; edits--) {
    const at = pick(bytes.length + 1);
    const to = Math.min(bytes.length, at + pick(16));
    const kind = pick(6);
    if (kind === 0 && at < bytes.length) bytes[at]! ^= 1 << pick(8);
    else if (kind === 1 && at < bytes.length) bytes[at] = [0, 0x7f, 0x80, 0xff][pick(4)]!;
    else if (kind === 2) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
    else if (kind === 3) bytes = Buffer.concat([bytes.subarray(0, to), bytes.subarray(at, to), bytes.subarray(to)]);
    else if (kind === 4) bytes = Buffer.concat([bytes.subarray(0, at), Uint8Array.of(pick(256)), bytes.subarray(at)]);
    else bytes.copyWithin(pick(bytes.length + 1), at, to);
  }
  return bytes;
}
