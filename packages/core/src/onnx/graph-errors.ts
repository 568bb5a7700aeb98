/** Every way in which a well-formed file is refused because of the model it describes. */
import { defineErrors } from "../errors.ts";

/** Where a tensor says that its content is. */
interface Location {
  readonly tensor: string;
  readonly location: string;
}

const untrusted = "External data must be a plain file named relative to the model, inside its folder. Do not load the model if you do not trust its source.";
const links = "Copy the file itself beside the model, or pass { trustLinks: true } if you trust what the link points at.";
const invalid = "The model is not valid ONNX; export it again or repair it with the tool that made it.";

export const onnxErrors = defineErrors({
  ONNX_NO_GRAPH: {
    text: () => "The bytes hold no graph.",
    remedy: "Check that the file is an ONNX model and not, for instance, its external data, a text or another format.",
  },
  ONNX_NUMBER: {
    text: (d: { what: string; received: string }) => `${d.what} is ${d.received}, which is not an exact integer in the allowed range.`,
    remedy: invalid,
  },
  ONNX_OPSET_CONFLICT: {
    text: (d: { domain: string; first: number; second: number }) => `The model imports domain "${d.domain}" as version ${d.first} and as ${d.second}.`,
    remedy: invalid,
  },
  ONNX_NAME_EMPTY: {
    text: (d: { what: string; graph: string }) => `${d.what} of graph "${d.graph}" has no name.`,
    remedy: invalid,
  },
  ONNX_NAME_DUPLICATE: {
    text: (d: { what: string; name: string; graph: string }) => `${d.what} "${d.name}" of graph "${d.graph}" is defined twice.`,
    remedy: invalid,
  },
  ONNX_NAME_UNDEFINED: {
    text: (d: { name: string; reader: string; graph: string }) =>
      `${d.reader} of graph "${d.graph}" reads "${d.name}", which nothing in its scope defines.`,
    remedy: invalid,
  },
  ONNX_CYCLE: {
    text: (d: { graph: string; node: string }) => `The nodes of graph "${d.graph}" form a cycle; "${d.node}" is the first that reads a value made later.`,
    remedy: invalid,
  },
  ONNX_ATTRIBUTE_TYPE: {
    text: (d: { node: string; attribute: string; type: number }) => `Attribute "${d.attribute}" of "${d.node}" has the unknown type ${d.type}.`,
    remedy: "The model needs a newer version of Lathe, or is damaged.",
  },
  ONNX_ATTRIBUTE_VALUE: {
    text: (d: { node: string; attribute: string; expected: string; received: string }) =>
      `Attribute "${d.attribute}" of "${d.node}" is declared as ${d.expected} but carries ${d.received}.`,
    remedy: invalid,
  },
  ONNX_TENSOR_TYPE: {
    text: (d: { tensor: string; type: number }) => `Tensor "${d.tensor}" has the element type ${d.type}, which is not known.`,
    remedy: "The model needs a newer version of Lathe, or is damaged.",
  },
  ONNX_TENSOR_DIMS: {
    text: (d: { tensor: string; dims: string }) => `Tensor "${d.tensor}" has the shape [${d.dims}]; dimensions are integers >= 0 with fewer than 2^53 elements.`,
    remedy: invalid,
  },
  ONNX_TENSOR_SIZE: {
    text: (d: { tensor: string; dtype: string; dims: string; expected: number; received: number; unit: string }) =>
      `Tensor "${d.tensor}", ${d.dtype}[${d.dims}], takes ${d.expected} ${d.unit} but ${d.received} came.`,
    remedy: invalid,
  },
  ONNX_TENSOR_FIELD: {
    text: (d: { tensor: string; dtype: string; expected: string; received: string }) =>
      `Tensor "${d.tensor}" of type ${d.dtype} keeps its content in ${d.received} where ${d.expected} was expected.`,
    remedy: invalid,
  },
  ONNX_TENSOR_SEGMENT: {
    text: (d: { tensor: string }) => `Tensor "${d.tensor}" is stored in segments, which no ONNX tool writes and Lathe does not read.`,
    remedy: "Export the model with whole tensors.",
  },
  ONNX_TENSOR_RANGE: {
    text: (d: { tensor: string; dtype: string; value: string; index: number }) =>
      `Element ${d.index} of tensor "${d.tensor}" is ${d.value}, which ${d.dtype} cannot hold.`,
    remedy: invalid,
  },
  ONNX_TENSOR_UTF8: {
    text: (d: { tensor: string; index: number }) => `Element ${d.index} of string tensor "${d.tensor}" is not valid UTF-8.`,
    remedy: "Lathe keeps string tensors as text; store other bytes as uint8.",
  },
  ONNX_SPARSE: {
    text: (d: { tensor: string; reason: string }) => `Sparse tensor "${d.tensor}" is malformed: ${d.reason}.`,
    remedy: invalid,
  },
  ONNX_LIMIT_DENSE: {
    text: (d: { tensor: string; size: number; limit: number }) => `Sparse tensor "${d.tensor}" would take ${d.size} bytes when dense, more than ${d.limit}.`,
    remedy: "If the file is trusted, raise the limit with { limits: { denseBytes: ... } }.",
  },
  ONNX_ENCODE_SCOPE: {
    text: (d: { value: string; reader: string; graph: string }) =>
      `${d.reader} of graph "${d.graph}" reads value "${d.value}", which belongs to no graph in its scope.`,
    remedy: "Append the node that makes the value, or redirect its reader with graph.replaceUses(...), before the model is written.",
  },
  ONNX_EXTERNAL_UNAVAILABLE: {
    text: (d: { tensor: string; location: string }) => `Tensor "${d.tensor}" is stored in the external file "${d.location}", which was not given.`,
    remedy: "Load the model with loadModel(path) of @lathe/core/node, or pass { externalData: new Map([[location, bytes]]) }.",
  },
  ONNX_EXTERNAL_KEY: {
    text: (d: { tensor: string; key: string }) => `The external data of tensor "${d.tensor}" has the key "${d.key}", which is not allowed or repeated.`,
    remedy: "Allowed are location, offset, length and checksum, once each. " + invalid,
  },
  ONNX_EXTERNAL_NUMBER: {
    text: (d: { tensor: string; key: string; value: string }) =>
      `The external data of tensor "${d.tensor}" has the ${d.key} "${d.value}", which is not a non-negative integer.`,
    remedy: invalid,
  },
  ONNX_EXTERNAL_EMPTY: {
    text: (d: Location) => `Tensor "${d.tensor}" is stored externally but names no file.`,
    remedy: invalid,
  },
  ONNX_EXTERNAL_NUL: {
    text: (d: Location) => `The external file of tensor "${d.tensor}" has a NUL character in its name.`,
    remedy: untrusted,
  },
  ONNX_EXTERNAL_DRIVE: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" names a drive or network share.`,
    remedy: untrusted,
  },
  ONNX_EXTERNAL_ABSOLUTE: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" is an absolute path.`,
    remedy: untrusted,
  },
  ONNX_EXTERNAL_TRAVERSAL: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" leaves the model's folder.`,
    remedy: untrusted,
  },
  ONNX_EXTERNAL_MISSING: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" cannot be opened.`,
    remedy: "Put the file beside the model; both belong together.",
  },
  ONNX_EXTERNAL_SYMLINK: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" is reached through a symbolic link.`,
    remedy: links,
  },
  ONNX_EXTERNAL_HARDLINK: {
    text: (d: Location & { links: number }) => `The external file "${d.location}" of tensor "${d.tensor}" has ${d.links} names (hard links).`,
    remedy: links,
  },
  ONNX_EXTERNAL_NOT_FILE: {
    text: (d: Location) => `The external file "${d.location}" of tensor "${d.tensor}" is not a regular file.`,
    remedy: untrusted,
  },
  ONNX_EXTERNAL_LENGTH: {
    text: (d: { tensor: string; expected: number; received: number }) =>
      `The external data of tensor "${d.tensor}" declares ${d.received} bytes but its shape and type take ${d.expected}.`,
    remedy: invalid,
  },
  ONNX_EXTERNAL_RANGE: {
    text: (d: { tensor: string; location: string; offset: number; length: number; size: number }) =>
      `Tensor "${d.tensor}" takes the bytes ${d.offset} to ${d.offset + d.length} of "${d.location}", which has ${d.size}.`,
    remedy: "The external file is cut short or belongs to another model; fetch it again.",
  },
  ONNX_EXTERNAL_CHECKSUM: {
    text: (d: { tensor: string; location: string; expected: string; received: string }) =>
      `The file "${d.location}" of tensor "${d.tensor}" has the SHA-1 ${d.received}, not ${d.expected}.`,
    remedy: "The external file was changed or belongs to another model; fetch it again.",
  },
});
