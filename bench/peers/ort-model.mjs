// ONNX Runtime on a whole model: node ort-model.mjs MODEL.onnx FOLDER THREADS OUTPUT
// Reads FOLDER/NAME.npy (int64, float32) for each input, writes the first output's floats, prints the seconds of one call for each
// line that it is given.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [model, folder, threads, output] = process.argv.slice(2);
const ort = await import("onnxruntime-node").then((all) => all.default, () => (console.log("cannot"), process.exit(0)));

/// A .npy file.
function read(name) {
  const bytes = readFileSync(`${folder}/${name}.npy`), start = 10 + bytes.readUInt16LE(8);
  const head = bytes.toString("latin1", 10, start);
  const shape = head.match(/\(([^)]*)\)/)[1].split(",").filter((s) => s.trim()).map(Number);
  const data = bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length);
  return head.includes("<f4") ? new ort.Tensor("float32", new Float32Array(data), shape)
                              : new ort.Tensor("int64", new BigInt64Array(data), shape);
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
