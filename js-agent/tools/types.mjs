// The types of the module, dist/types/: what `start` needs of src/, and nothing of the agent's inside. The addresses in them end in .js, as
// TypeScript wants it where modules are resolved as Node does.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = new URL("../", import.meta.url).pathname;

export async function writeTypes() {
  const made = await mkdtemp(join(tmpdir(), "seismo-types-"));
  const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", root, "--noEmit", "false", "--declaration", "--emitDeclarationOnly", "--rootDir", `${root}src`, "--outDir", made], { stdio: "inherit" });
  await rm(`${root}dist/types`, { recursive: true, force: true });
  const pending = ["index"];
  for (const name of pending) {
    const text = await readFile(join(made, `${name}.d.ts`), "utf8");
    const file = `${root}dist/types/${name}.d.ts`;
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text.replace(/(from |import\()"(\.[^"]*)"/g, (_, before, path) => {
      const other = join(dirname(name), path);
      if (!pending.includes(other)) pending.push(other);
      return `${before}"${path}.js"`;
    }));
  }
  await rm(made, { recursive: true });
}
