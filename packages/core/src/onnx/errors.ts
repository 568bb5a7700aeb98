/** Every way in which bytes are refused as an ONNX file, before the graph they describe is looked at. */
import { defineErrors } from "../errors.ts";

/** Where in the file, and in which field. */
interface Place {
  readonly offset: number;
  readonly where: string;
}

const at = (d: Place): string => `at byte ${d.offset}, in ${d.where}`;

const corrupt = "The file is damaged, cut short or not an ONNX model; fetch or export it again.";
const raise = (limit: string): string => `If the file is trusted, raise the limit with { limits: { ${limit}: ... } }.`;

export const codecErrors = defineErrors({
  ONNX_TRUNCATED: {
    text: (d: Place) => `The bytes end in the middle of a value (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_VARINT: {
    text: (d: Place) => `A variable-length integer is longer than 64 bits (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_TAG: {
    text: (d: Place & { field: number; wireType: number }) =>
      `Field number ${d.field} with wire type ${d.wireType} is not a protobuf field (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_WIRE_TYPE: {
    text: (d: Place & { expected: number; received: number }) =>
      `The field is encoded with wire type ${d.received} where ${d.expected} is defined (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_LENGTH: {
    text: (d: Place & { declared: number; available: number }) =>
      `A field declares ${d.declared} bytes but ${d.available} are left (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_PACKED: {
    text: (d: Place & { declared: number; width: number }) =>
      `A packed list of ${d.width}-byte numbers declares ${d.declared} bytes (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_GROUP: {
    text: (d: Place & { field: number }) => `The protobuf group of field ${d.field} is not closed as it was opened (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_UTF8: {
    text: (d: Place) => `A text is not valid UTF-8 (${at(d)}).`,
    remedy: corrupt,
  },
  ONNX_LIMIT_NESTING: {
    text: (d: Place & { limit: number }) => `Messages are nested deeper than ${d.limit} (${at(d)}).`,
    remedy: raise("nesting"),
  },
  ONNX_LIMIT_GRAPH_NESTING: {
    text: (d: Place & { limit: number }) => `Graphs are nested in attributes deeper than ${d.limit} (${at(d)}).`,
    remedy: raise("graphNesting"),
  },
  ONNX_LIMIT_NODES: {
    text: (d: Place & { limit: number }) => `The model has more than ${d.limit} nodes (${at(d)}).`,
    remedy: raise("nodes"),
  },
  ONNX_LIMIT_MESSAGES: {
    text: (d: Place & { limit: number }) => `The file holds more than ${d.limit} messages (${at(d)}).`,
    remedy: raise("messages"),
  },
  ONNX_LIMIT_ELEMENTS: {
    text: (d: Place & { limit: number }) => `The lists of the file hold more than ${d.limit} elements together (${at(d)}).`,
    remedy: raise("elements"),
  },
  ONNX_LIMIT_NAME: {
    text: (d: Place & { limit: number; received: number }) => `A name takes ${d.received} bytes, more than ${d.limit} (${at(d)}).`,
    remedy: raise("nameBytes"),
  },
  ONNX_LIMIT_TEXT: {
    text: (d: Place & { limit: number }) => `The texts of the file take more than ${d.limit} bytes together (${at(d)}).`,
    remedy: raise("textBytes"),
  },
  ONNX_ENCODE_SIZE: {
    text: (d: { size: number }) => `The encoded model takes ${d.size} bytes, more than one buffer can hold here.`,
    remedy: "Write it with saveModel(..., { externalData: true }) or take it piece by piece from encodeModelChunks.",
  },
});
