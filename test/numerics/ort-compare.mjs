// ort-compare.mjs FOLDER: every case that onnx-property-check --keep FOLDER left, on ONNX Runtime as well (bench/peers,
// scripts/setup.sh --bench). Prints what differs by more than 1e-4 of the largest number; the exit code is 1 then.
import { createRequire } from "node:module";
import { readFileSync, readdirSync } from "node:fs";

const ort = createRequire(new URL("../../bench/peers/", import.meta.url))("onnxruntime-node");

function readNpy(path) {
  const file = readFileSync(path), length = file.readUInt16LE(8), header = file.toString("latin1", 10, 10 + length);
  const shape = header.match(/\(([^)]*)\)/)[1].split(",").filter((extent) => extent.trim()).map(Number);
  const bytes = file.buffer.slice(file.byteOffset + 10 + length, file.byteOffset + file.length);
  const isBool = header.includes("b1");
  return { shape, type: isBool ? "bool" : "float32", data: isBool ? new Uint8Array(bytes) : new Float32Array(bytes) };
}

// The largest difference, in parts of the largest number.
function difference(mine, theirs) {
  let worst = 0, largest = 1;
  for (let i = 0; i < mine.length; ++i) {
    if (Object.is(mine[i], theirs[i]) || mine[i] === theirs[i]) continue;
    if (!Number.isFinite(mine[i]) || !Number.isFinite(theirs[i])) return Infinity;
    worst = Math.max(worst, Math.abs(mine[i] - theirs[i]));
    largest = Math.max(largest, Math.abs(theirs[i]));
  }
  return worst / largest;
}

let same = 0, wrong = 0, refused = 0;
for (const name of readdirSync(process.argv[2])) {
  const folder = `${process.argv[2]}/${name}`, feeds = {};
  let results;
  try {
    const session = await ort.InferenceSession.create(`${folder}/model.onnx`, { logSeverityLevel: 4 });
    for (const input of session.inputNames) {
      const { shape, type, data } = readNpy(`${folder}/in_${input}.npy`);
      feeds[input] = new ort.Tensor(type, data, shape);
    }
    results = await session.run(feeds);
  } catch (error) {
    ++refused;
    if (process.env.ATTNC_PROPERTY_REFUSED) console.log(`${name}: ${error.message}`);
    continue;
  }
  for (const [output, theirs] of Object.entries(results)) {
    const mine = readNpy(`${folder}/out_${output}.npy`);
    const isSameShape = String(mine.shape) === String(theirs.dims);
    const off = isSameShape ? difference(mine.data, theirs.data) : Infinity;
    if (off <= 1e-4) continue;
    ++wrong;
    console.log(`${name}: output ${output}: ${isSameShape ? `off by ${off}` : `[${mine.shape}] and not [${theirs.dims}]`}`);
  }
  ++same;
}
console.log(`${same} compared, ${refused} refused by ONNX Runtime, ${wrong} outputs differ`);
process.exit(wrong || !same ? 1 : 0);
