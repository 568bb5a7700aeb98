/** GraphQL gateway that runs Lathe pipelines as jobs. */
export { createGateway, type Gateway, type GatewayOptions } from "./gateway.ts";
export { defaultLimits, type Limits } from "./limits.ts";
export { gatewayErrors } from "./errors.ts";
export { jsonLog, silentLog, type Log } from "./log.ts";
export { scopes, type Scope } from "./auth.ts";
export { loadOffer, standardModule, type Offer } from "./techniques/offer.ts";
export { makeSchema, schemaText } from "./schema/schema.ts";
