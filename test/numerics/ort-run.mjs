// ort-run.mjs MODEL.onnx IN OUT: ONNX Runtime (bench/peers, scripts/setup.sh --bench) on IN/NAME.npy, its outputs as
// OUT/NAME.npy, and as the lines of text that Inputs/tensors.py reads.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";

const ort = createRequire(new URL("../../bench/peers/", import.meta.url))("onnxruntime-node");
const [model, from, to] = process.argv.slice(2);
const types = {
  f4: ["float32", Float32Array], f8: ["float64", Float64Array], i1: ["int8", Int8Array], u1: ["uint8", Uint8Array],
  i2: ["int16", Int16Array], u2: ["uint16", Uint16Array], i4: ["int32", Int32Array], i8: ["int64", BigInt64Array],
  b1: ["bool", Uint8Array],
};

function readNpy(path) {
  const file = readFileSync(path), length = file.readUInt16LE(8), header = file.toString("latin1", 10, 10 + length);
  const shape = header.match(/\(([^)]*)\)/)[1].split(",").filter((extent) => extent.trim()).map(Number);
  const [name, Kind] = types[header.match(/'descr': '[<|](..)'/)[1]];
  return new ort.Tensor(name, new Kind(file.buffer.slice(file.byteOffset + 10 + length, file.byteOffset + file.length)), shape);
}

function writeNpy(path, tensor) {
  const [descr] = Object.entries(types).find(([, [name]]) => name === tensor.type);
  const dims = tensor.dims.map((extent) => `${extent}, `).join("");
  const text = `{'descr': '${/1$/.test(descr) ? "|" : "<"}${descr}', 'fortran_order': False, 'shape': (${dims}), }`;
  const header = text.padEnd(text.length + ((64 - ((text.length + 11) % 64)) % 64)) + "\n";
  const start = Buffer.from([0x93, 78, 85, 77, 80, 89, 1, 0, header.length & 255, header.length >> 8]);
  const data = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  writeFileSync(path, Buffer.concat([start, Buffer.from(header, "latin1"), data]));
}

const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3, graphOptimizationLevel: "disabled" });
const feeds = Object.fromEntries(session.inputNames.map((name) => [name, readNpy(`${from}/${name}.npy`)]));
const results = await session.run(feeds);
mkdirSync(to, { recursive: true });
for (const name of session.outputNames) {
  const tensor = results[name];
  writeNpy(`${to}/${name}.npy`, tensor);
  const numbers = Array.from(tensor.data, (x) => (tensor.type.startsWith("float") ? Number(x.toPrecision(7)) : String(x)));
  console.log(`# expect ${name} ${tensor.type}[${tensor.dims}] ${numbers.join(",")}`);
}
