// ONNX Runtime as a worker (the protocol is in Worker.h): node ort.mjs MODEL.onnx KEY=VALUE,... INPUTS OUTPUT
// The model says by its inputs what it wants: q, k, v, a mask, the lengths of a cache. Outputs are given, so that no call
// allocates them.
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

const [model, text, folder, output] = process.argv.slice(2);
const cannot = (why) => {
  console.log("cannot", String(why).split("\n")[0]);
  process.exit(0);
};
const ort = await import("onnxruntime-node").then((all) => all.default, () => cannot("load onnxruntime-node"));
const settings = Object.fromEntries(text.split(",").map((part) => part.split("=")));
const [B, H, G, M, N, D] = ["B", "H", "G", "M", "N", "D"].map((name) => Number(settings[name]));
const causal = Number(settings.causal), window = Number(settings.window);
const insideRows = settings.layout === "BMHD";

const read = (name) => {
  const bytes = readFileSync(`${folder}/${name}.bin`);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
};
const floats = (data, shape) => new ort.Tensor("float32", data, shape);
const integers = (values, shape) => new ort.Tensor("int32", Int32Array.from(values), shape);

/// 0 where query i sees key j, else -inf: [M, N].
function additiveMask() {
  const mask = new Float32Array(M * N);
  for (let i = 0; i < M; i++) {
    const end = causal ? i + N - M + 1 : N, begin = window ? Math.max(0, end - window) : 0;
    mask.fill(-Infinity, i * N, i * N + begin).fill(-Infinity, i * N + end, (i + 1) * N);
  }
  return mask;
}

const grouped = [B, G, H / G, M, D]; // query heads of one kv head together, for graphs that broadcast k and v
const makers = {
  q: (dims) => floats(read("q"), insideRows ? [B, M, H * D] : dims === 5 ? grouped : [B, H, M, D]),
  k: (dims) => floats(read("k"), insideRows ? [B, N, G * D] : dims === 5 ? [B, G, 1, N, D] : [B, G, N, D]),
  v: (dims) => floats(read("v"), insideRows ? [B, N, G * D] : dims === 5 ? [B, G, 1, N, D] : [B, G, N, D]),
  mask: () => floats(additiveMask(), [M, N]),
  seqlens_k: () => integers(Array(B).fill(N - 1), [B]),
  total: () => integers([N], [1]),
};
const present = () => floats(new Float32Array(B * G * N * D), [B, G, N, D]);

let session;
try {
  session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: Number(settings.threads), interOpNumThreads: 1, executionProviders: ["cpu"], logSeverityLevel: 3,
  });
  const dims = settings.dims ? Number(settings.dims) : 4;
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, makers[name](dims)]));
  const result = new Float32Array(B * H * M * D);
  const fetches = Object.fromEntries(session.outputNames.map((name) =>
    [name, name === "o" ? floats(result, feeds.q.dims) : present()]));
  await session.run(feeds, fetches);
  writeFileSync(output, new Uint8Array(result.buffer));
  console.log("ready", settings.way);
  for await (const line of createInterface({ input: process.stdin })) {
    const calls = Number(line), cpu = process.cpuUsage(), start = process.hrtime.bigint();
    for (let call = 0; call < calls; call++)
      await session.run(feeds, fetches);
    const wall = Number(process.hrtime.bigint() - start) * 1e-9, used = process.cpuUsage(cpu);
    console.log(wall / calls, (used.user + used.system) * 1e-6 / calls);
  }
} catch (error) {
  cannot(error.message ?? error);
}
