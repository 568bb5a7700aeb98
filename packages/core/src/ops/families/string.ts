/** Strings and text. */
import { op } from "../define.ts";
import type { OpDef } from "../op.ts";
import { elementwise } from "../shape.ts";
import { perInput, perOutput } from "../rules/cost.ts";
import { shapeAs } from "../rules/elementwise.ts";
import { stringSplit } from "../evaluate/strings.ts";
import { inferStringNormalizer, inferStringSplit, inferTfIdf } from "../rules/string.ts";

export const stringOps: readonly OpDef[] = [
  op({
    name: "RegexFullMatch",
    since: { 20: "X:T1 -> Y:T2 | pattern:string | T1: string; T2: bool" },
    infer: shapeAs("bool"),
    cost: perOutput(),
  }),
  op({
    name: "StringConcat",
    since: { 20: "X:T Y:T -> Z:T | | T: string" },
    infer: elementwise,
    cost: perOutput(),
  }),
  op({
    name: "StringNormalizer",
    since: {
      10: "X:string -> Y:string | stopwords:strings locale:string is_case_sensitive:int=0 case_change_action:string=NONE",
    },
    infer: inferStringNormalizer,
    cost: perInput(),
  }),
  op({
    name: "StringSplit",
    since: { 20: "X:T1 -> Y:T2 Z:T3 | maxsplit:int delimiter:string | T1: string; T2: string; T3: int64" },
    infer: inferStringSplit,
    evaluate: stringSplit,
    cost: perInput(),
  }),
  op({
    name: "TfIdfVectorizer",
    since: {
      9: "X:T -> Y:T1 | mode:string! ngram_indexes:ints! weights:floats ngram_counts:ints! pool_int64s:ints pool_strings:strings max_skip_count:int! min_gram_length:int! max_gram_length:int! | T: int32 int64 string; T1: float32",
    },
    infer: inferTfIdf,
    cost: perInput(),
  }),
];
