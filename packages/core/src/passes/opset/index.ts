export { convertOpset, convertOpsetPass, irVersionFor } from "./convert-opset.ts";
