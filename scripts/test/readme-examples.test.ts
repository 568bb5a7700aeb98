import { expect, it } from "vitest";
import { readmeExamples } from "../lib/readme-examples.ts";

const fence = "```";

it("takes the marked blocks alone, with the files they name", () => {
  const markdown = [
    `${fence}js\nunmarked();\n${fence}`,
    `<!-- smoke -->\n${fence}js\nfirst();\n${fence}`,
    `<!-- smoke: model.onnx=fixtures/a.onnx data/x.npy=fixtures/x.npy -->\n\n${fence}ts\nsecond();\n${fence}`,
  ].join("\n\n");

  expect(readmeExamples(markdown)).toEqual([
    { code: "first();\n", files: [] },
    {
      code: "second();\n",
      files: [
        { to: "model.onnx", from: "fixtures/a.onnx" },
        { to: "data/x.npy", from: "fixtures/x.npy" },
      ],
    },
  ]);
});

it("refuses a file without a source", () => {
  expect(() => readmeExamples(`<!-- smoke: model.onnx -->\n${fence}js\nx();\n${fence}`)).toThrow("NAME=PATH-IN-REPOSITORY");
});
