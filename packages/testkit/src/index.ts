/** Conformance suite and helpers for anyone who writes a Lathe technique. */
export const packageName = "@lathe/testkit";
