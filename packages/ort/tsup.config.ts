import { build } from "../../tsup.base.ts";

export default build("src/index.ts", "src/browser.ts", "src/web.ts", "src/engine/worker.ts");
