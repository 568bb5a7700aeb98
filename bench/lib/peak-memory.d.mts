/** Peak resident memory of this program so far, MB; not what its parent held when it forked. */
export function peakMb(): number;
