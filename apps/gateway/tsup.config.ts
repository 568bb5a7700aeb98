import { build } from "../../tsup.base.ts";

export default build("src/index.ts", "src/main.ts", "src/command.ts", "src/client/index.ts", "src/client/graphql.ts", "src/task/child.ts", "src/techniques/standard.ts");
