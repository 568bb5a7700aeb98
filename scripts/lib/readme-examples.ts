export interface ReadmeExample {
  code: string;
  files: { to: string; from: string }[];
}

/**
 * The fenced JavaScript blocks of a Markdown text that follow a marker comment, with the files each needs:
 *
 *     <!-- smoke: model.onnx=fixtures/models/fashion-mobilenet.onnx -->
 *
 * copies the fixture as model.onnx beside the example before it runs. Several files are separated by spaces.
 */
export function readmeExamples(markdown: string): ReadmeExample[] {
  const block = /<!-- smoke(?::\s*([^>]*?))?\s*-->\s*```(?:js|javascript|ts|typescript)\n([\s\S]*?)```/g;
  return [...markdown.matchAll(block)].map(([, list = "", code = ""]) => ({
    code,
    files: list
      .split(/\s+/)
      .filter(Boolean)
      .map((pair) => {
        const [to, from] = pair.split("=");
        if (!to || !from) throw new Error(`README marker "${pair}" should read NAME=PATH-IN-REPOSITORY`);
        return { to, from };
      }),
  }));
}
