// ONNX Runtime on a whole model: node ort-model.mjs MODEL.onnx FOLDER THREADS OUTPUT
// Reads FOLDER/NAME.npy (int64) for each input, writes the first output's floats, prints the seconds of one call for each
// line that it is given.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [model, folder, threads, output] = process.argv.slice(2);
const ort = await import("onnxruntime-node").then((all) => all.default, () => (console.log("cannot"), process.exit(0)));

/// A .npy file of int64.
function read(name) {
  const bytes = readFileSync(`${folder}/${name}.npy`), start = 10 + bytes.readUInt16LE(8);
  const shape = bytes.toString("latin1", 10, start).match(/\(([^)]*)\)/)[1].split(",").filter((s) => s.trim()).map(Number);
  return new ort.Tensor("int64", new BigInt64Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length)), shape);
}

const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: Number(threads), interOpNumThreads: 1, executionProviders: ["cpu"], logSeverityLevel: 3,
});
const feeds = Object.fromEntries(session.inputNames.map((name) => [name, read(name)]));
const results = await session.run(feeds);
writeFileSync(output, new Uint8Array(results[session.outputNames[0]].data.buffer));
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  const start = process.hrtime.bigint();
  await session.run(feeds);
  console.log(Number(process.hrtime.bigint() - start) * 1e-9);
}
