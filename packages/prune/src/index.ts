/** Removes the channels and weights that matter least. */
export const packageName = "@lathe/prune";
