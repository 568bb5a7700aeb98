#!/usr/bin/env node
import { Command } from "commander";

await new Command("lathe").description("Makes ONNX models small and fast.").parseAsync();
