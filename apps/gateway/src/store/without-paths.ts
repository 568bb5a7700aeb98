/** Messages of file readers and engines name files of ours; clients are told nothing of where things are kept. */
export const withoutPaths = (text: string): string => text.replaceAll(/"?(?:file:\/\/)?(?:\/[\w.@+-]+){2,}(?::\d+)*"?/g, "the file");
