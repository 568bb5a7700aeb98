/** Keys for others, made by an administrator. */
import { demand } from "../app.ts";
import { scopes, type Scope } from "../auth.ts";
import { gatewayErrors } from "../errors.ts";
import { globalId, parseGlobalId } from "../ids.ts";
import type { Builder } from "./builder.ts";
import { settle } from "./problems.ts";
import type { SchemaParts } from "./queries.ts";

const meanings: Record<Scope, string> = {
  read: "See the owner's things.",
  write: "Also upload, plan, run and delete.",
  admin: "See and do everything; metrics, introspection and keys too.",
};

export function keyMutations(builder: Builder, { union }: SchemaParts): void {
  const scope = builder.enumType("Scope", {
    description: "What a key may do.",
    values: Object.fromEntries(scopes.map((value) => [value.toUpperCase(), { value, description: meanings[value] }])) as Record<string, { value: Scope; description: string }>,
  });
  const created = builder.objectRef<{ readonly __typename: "KeyCreated"; readonly id: string; readonly token: string }>("KeyCreated").implement({
    description: "A new key.",
    fields: (t) => ({
      id: t.id({ description: "Names the key in keyRevoke.", resolve: (k) => globalId("Key", k.id) }),
      token: t.exposeString("token", { description: "The key itself, shown this once." }),
    }),
  });
  const revoked = builder.objectRef<{ readonly __typename: "KeyRevoked"; readonly id: string }>("KeyRevoked").implement({
    description: "The key is not good any more; within 5 seconds on all gateways.",
    fields: (t) => ({ id: t.exposeID("id", { description: "Its id." }) }),
  });
  const createResult = union("KeyCreateResult", "A key, or why there is none.", created);
  const revokeResult = union("KeyRevokeResult", "Done, or why not.", revoked);
  builder.mutationFields((t) => ({
    keyCreate: t.field({
      type: createResult, description: "Makes a key for an owner. Needs the scope admin.",
      args: {
        owner: t.arg.string({ required: true, description: "Whose things it opens; several keys may share an owner." }),
        scope: t.arg({ type: scope, required: true, description: "What it may do." }),
        name: t.arg.string({ description: "What it is for." }),
      },
      resolve: (_, { owner, scope: granted, name }, ctx) => settle(async () => {
        demand(ctx, "admin");
        if (!/^[\w.@+-]{1,100}$/.test(owner)) throw gatewayErrors.INVALID_INPUT({ at: "owner", expected: "1 to 100 letters, digits or . _ - + @", received: JSON.stringify(owner.slice(0, 80)) });
        return { __typename: "KeyCreated" as const, ...(await ctx.app.keys.make({ owner, scopes: [granted as Scope], name: (name ?? "").slice(0, 200) })) };
      }),
    }),
    keyRevoke: t.field({
      type: revokeResult, description: "Ends a key. Needs the scope admin.", args: { id: t.arg.id({ required: true, description: "Id of the key." }) },
      resolve: (_, { id }, ctx) => settle(async () => {
        demand(ctx, "admin");
        const parsed = parseGlobalId(id);
        if (parsed?.type !== "Key" || !(await ctx.app.keys.revoke(parsed.id))) throw gatewayErrors.NOT_FOUND({ what: "key", id: id.slice(0, 100) });
        return { __typename: "KeyRevoked" as const, id };
      }),
    }),
  }));
}
