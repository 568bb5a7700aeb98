import type { RuntimeLoadOptions } from "@lathe/core";

/**
 * Options of sessions that run once a sample, with work of ours in between: threads of the engine sleep while they wait. Spinning, its
 * default, takes the processor from whatever else is to be done (measured: half the time of a calibration).
 */
export const patient: RuntimeLoadOptions = { config: { "session.intra_op.allow_spinning": "0" } };
