import { defineConfig } from "vitepress";

export default defineConfig({
  title: "Lathe",
  description: "Makes ONNX neural networks small and fast, in TypeScript.",
  cleanUrls: true,
  ignoreDeadLinks: false,
  themeConfig: {
    search: { provider: "local" },
    nav: [
      { text: "Guide", link: "/guide/start" },
      { text: "Packages", link: "/packages/core" },
      { text: "Reference", link: "/reference/operators" },
    ],
    sidebar: [
      { text: "Guide", items: [
        { text: "Start", link: "/guide/start" },
        { text: "Ideas", link: "/guide/ideas" },
        { text: "Data", link: "/guide/data" },
        { text: "Write a technique", link: "/guide/plugin" },
      ] },
      { text: "Packages", items: [
        { text: "core", link: "/packages/core" },
        { text: "ort", link: "/packages/ort" },
        { text: "quantize", link: "/packages/quantize" },
        { text: "weight-only, float16", link: "/packages/quantize-weight-only" },
        { text: "train", link: "/packages/train" },
        { text: "prune", link: "/packages/prune" },
        { text: "distill", link: "/packages/distill" },
        { text: "trt", link: "/packages/trt" },
        { text: "trt: the graph", link: "/packages/trt-graph" },
        { text: "cli", link: "/packages/cli" },
        { text: "gateway", link: "/packages/gateway" },
        { text: "testkit", link: "/packages/testkit" },
      ] },
      { text: "Reference", items: [
        { text: "Operators", link: "/reference/operators" },
        { text: "Errors", link: "/reference/errors" },
        { text: "TensorRT", link: "/reference/tensorrt" },
      ] },
    ],
  },
});
