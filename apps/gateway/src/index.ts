/** GraphQL gateway that runs Lathe pipelines as jobs. */
export const packageName = "@lathe/gateway";
