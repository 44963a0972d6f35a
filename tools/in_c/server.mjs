// Runs nets in WebAssembly: reads a request as JSON from each line, and writes its answer.
import { createInterface } from "node:readline";

const nets = [];

async function answer({ load, net, reset, floats, x }) {
  if (load !== undefined) {
    const script = await import(`${load}?${nets.length}`);
    const { inputs, outputs } = nets[nets.push(await script.load()) - 1];
    return { net: nets.length - 1, inputs, outputs };
  }
  if (reset) {
    nets[net].reset();
    return {};
  }
  const bytes = new Uint8Array(Buffer.from(x, "base64"));
  const out = nets[net].step(new (floats ? Float32Array : Int32Array)(bytes.buffer));
  return { type: out.constructor.name, out: Buffer.from(out.buffer).toString("base64") };
}

for await (const line of createInterface({ input: process.stdin })) {
  const text = await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(text));
}
