// ONNX Runtime beside a compiled attnc program, in turns: node ort.mjs MODEL.onnx ATTNC FILE.attn THREADS ROUNDS
// Prints the median wall time of both and their ratio. Only time is measured: the outputs are not compared here. ONNX
// Runtime gets q, k, v as [1, 2048, 16 * 64], heads inside rows, which its operator demands; FILE has its own layout.
import ort from "onnxruntime-node";
import { execFileSync } from "node:child_process";

const [model, attnc, file, threadsText, roundsText] = process.argv.slice(2);
const threads = Number(threadsText), rounds = Number(roundsText);
const session = await ort.InferenceSession.create(model, {
  intraOpNumThreads: threads, interOpNumThreads: 1, executionProviders: ["cpu"],
});
const size = 2048 * 1024;
const tensor = (seed) => {
  const data = new Float32Array(size);
  let state = seed >>> 0;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = state / 2 ** 31 - 1;
  }
  return new ort.Tensor("float32", data, [1, 2048, 1024]);
};
const feeds = { q: tensor(1), k: tensor(2), v: tensor(3) };
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

await session.run(feeds);
const theirs = [], ours = [];
for (let round = 0; round < rounds; round++) {
  for (let call = 0; call < 3; call++) {
    const start = process.hrtime.bigint();
    await session.run(feeds);
    theirs.push(Number(process.hrtime.bigint() - start) * 1e-9);
  }
  const report = execFileSync(attnc, ["bench", file, "--dims", "B=1,H=16,M=2048,N=2048,D=64", "--threads",
    String(threads), "--seconds", "2", "--json"], { stdio: ["ignore", "pipe", "ignore"] });
  ours.push(JSON.parse(report).wall_seconds);
}
const ratio = median(theirs) / median(ours);
console.log(`ONNX Runtime ${(median(theirs) * 1e3).toFixed(1)} ms, attnc ${(median(ours) * 1e3).toFixed(1)} ms, ` +
  `${ratio.toFixed(2)}x, ${threads} thread(s)`);
