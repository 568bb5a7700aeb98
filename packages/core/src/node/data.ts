/** Datasets in files. */
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { dataset, type Dataset } from "../data/dataset.ts";
import { dataErrors } from "../data/errors.ts";
import { decodeIdx } from "../data/idx.ts";
import { decodeNpy } from "../data/npy.ts";
import { decodeNpz } from "../data/npz.ts";
import type { ZipLimits } from "../data/zip.ts";
import { Tensor } from "../tensor.ts";
import { fileErrors, reasonOf } from "./errors.ts";

/** The bytes of a file. @throws FILE_OPEN; its cause is the system's error */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw fileErrors.FILE_OPEN({ path, reason: reasonOf(cause) }, cause);
  }
}

/** @throws FILE_OPEN, NPY_FORMAT, NPY_DTYPE */
export const readNpy = async (path: string): Promise<Tensor> => decodeNpy(await readBytes(path), `"${path}"`);

/** Arrays by name; `dataset(await readNpz(path))` reads them as columns. @throws FILE_OPEN and what `decodeNpz` throws */
export const readNpz = async (path: string, limits: ZipLimits = {}): Promise<Record<string, Tensor>> => decodeNpz(await readBytes(path), limits, `"${path}"`);

/** An IDX file, plain or gzipped (MNIST, Fashion-MNIST). @throws FILE_OPEN, IDX_FORMAT, INFLATE, ZIP_LIMIT */
export const readIdx = async (path: string): Promise<Tensor> => decodeIdx(await readBytes(path), {}, `"${path}"`);

export interface ImageFolderOptions {
  /** Turns the bytes of a file into a tensor, for instance float32 [3, height, width]. Called when the sample is read. */
  readonly decode: (bytes: Uint8Array, path: string) => Tensor | Promise<Tensor>;
  /** Name of the image tensor; default "image". */
  readonly name?: string;
  /** File name endings, lower case; default .png, .jpg, .jpeg, .webp, .bmp, .gif. */
  readonly extensions?: readonly string[];
}

export interface ImageFolder {
  /** Samples with the image, `path` (string) and, when there are classes, `label` (int64 scalar). Sorted by class and file name. */
  readonly data: Dataset;
  /** Names of the class folders; empty for a plain folder of images. */
  readonly classes: readonly string[];
}

/**
 * Images in a folder, or in one folder per class. Files are read one by one as samples are asked for.
 * @throws IMAGE_FOLDER when there are no images or the name is taken; FILE_OPEN while reading
 */
export async function imageFolder(root: string, options: ImageFolderOptions): Promise<ImageFolder> {
  const { decode, name = "image", extensions = [".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"] } = options;
  if (name === "path" || name === "label") throw dataErrors.IMAGE_FOLDER({ path: root, reason: `samples have a tensor "${name}" already, so the image cannot be named so` });
  const isImage = (file: string): boolean => extensions.includes(extname(file).toLowerCase());
  const list = async (path: string): Promise<{ folders: string[]; images: string[] }> => {
    const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
      throw dataErrors.IMAGE_FOLDER({ path, reason: reasonOf(cause) }, cause);
    });
    const names = (kind: "isDirectory" | "isFile"): string[] => entries.filter((e) => e[kind]()).map((e) => e.name).sort();
    return { folders: names("isDirectory"), images: names("isFile").filter(isImage) };
  };
  const top = await list(root);
  const classes: string[] = [];
  const files: { readonly path: string; readonly label: number | undefined }[] = [];
  if (top.images.length > 0) for (const image of top.images) files.push({ path: join(root, image), label: undefined });
  else {
    for (const folder of top.folders) {
      const { images } = await list(join(root, folder));
      if (images.length === 0) continue;
      for (const image of images) files.push({ path: join(root, folder, image), label: classes.length });
      classes.push(folder);
    }
  }
  if (files.length === 0) throw dataErrors.IMAGE_FOLDER({ path: root, reason: `no file in it ends with ${extensions.join(", ")}` });
  const paths = Tensor.fromStrings([files.length], files.map((f) => f.path));
  const labels = classes.length === 0 ? {} : { label: Tensor.int64(files.map((f) => f.label ?? 0)) };
  const data = dataset({ path: paths, ...labels }).map(async (sample) => {
    const [path] = sample["path"]!.strings();
    return { [name]: await decode(await readBytes(path!), path!), ...sample };
  });
  return { data, classes };
}
