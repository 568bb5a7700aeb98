/** The whole schema. Only `StepInput` depends on which techniques are offered. */
import { lexicographicSortSchema, printSchema, type GraphQLSchema } from "graphql";
import type { Offer } from "../techniques/offer.ts";
import { connections, makeBuilder } from "./builder.ts";
import { fileTypes, nodeInterface } from "./files.ts";
import { jobTypes } from "./job.ts";
import { keyMutations } from "./keys.ts";
import { evaluationInput } from "./lent.ts";
import { modelTypes } from "./model.ts";
import { mutationType } from "./mutations.ts";
import { problems } from "./problems.ts";
import { queryType } from "./queries.ts";
import { stepInput } from "./step-input.ts";
import { subscriptionType } from "./subscriptions.ts";

export function makeSchema(offer: Offer): GraphQLSchema {
  const builder = makeBuilder();
  const node = nodeInterface(builder);
  const connect = connections(builder);
  const files = fileTypes(builder, node);
  const models = modelTypes(builder, node, files, connect);
  const jobs = jobTypes(builder, node, models, files, connect);
  const parts = { node, files, models, jobs, connect, step: stepInput(builder, offer), union: problems(builder), evaluation: evaluationInput(builder) };
  queryType(builder, parts);
  mutationType(builder, parts);
  keyMutations(builder, parts);
  subscriptionType(builder, parts);
  return builder.toSchema();
}

export const schemaText = (schema: GraphQLSchema): string => `${printSchema(lexicographicSortSchema(schema))}\n`;
