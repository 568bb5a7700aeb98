import { refuse, type Res } from "./respond.ts";

export function studioFile(res: Res, _path: string): void {
  refuse(res, 404, "NOT_FOUND", "There is nothing here.");
}
