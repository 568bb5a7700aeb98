/** Symmetric integers times a scale for each row and group of columns: where weights may lie after rounding. Zero is always one of them. */
export class Grid {
  readonly #most: number;
  readonly #groupSize: number;
  readonly #columns: number;
  readonly #scales: Float64Array;

  constructor(bits: number, groupSize: number, rows: number, columns: number) {
    this.#most = 2 ** (bits - 1) - 1;
    this.#groupSize = groupSize;
    this.#columns = columns;
    this.#scales = new Float64Array(rows);
  }

  starts(column: number): boolean {
    return column % this.#groupSize === 0;
  }

  /** Takes the scales of the group that begins at `column` from the weights as they are now, without those that are to go. */
  measure(w: Float64Array, column: number, goes: (row: number, column: number) => boolean): void {
    const end = Math.min(this.#columns, column + this.#groupSize);
    for (let r = 0; r < this.#scales.length; r++) {
      let most = 0;
      for (let k = column; k < end; k++) if (!goes(r, k)) most = Math.max(most, Math.abs(w[r * this.#columns + k]!));
      this.#scales[r] = most / this.#most;
    }
  }

  round(row: number, x: number): number {
    const scale = this.#scales[row]!;
    return scale === 0 ? 0 : Math.max(-this.#most, Math.min(this.#most, Math.round(x / scale))) * scale;
  }
}
