/** Load the net: from the file beside this one, from another URL, or from bytes. */
export async function load(source = new URL(FILE, import.meta.url)) {
  const { instance } = await WebAssembly.instantiate(await bytes(source));
  return new Net(instance.exports);
}

/** A net, at rest until its first step. */
class Net {
  inputs = INPUTS;
  outputs = OUTPUTS;
  #wasm;

  constructor(wasm) {
    this.#wasm = wasm;
    wasm._initialize();
    this.reset();
  }

  /** Put the net at rest, as it must be at the beginning of a sequence. */
  reset() {
    this.#wasm.reset();
  }

  /** Compute one time step from INPUTS numbers; return all outputs, in an array of its own. */
  step(x) {
    if (x?.length !== INPUTS) throw new RangeError(`step: x must have ${INPUTS} numbers, got ${x?.length}`);
    const wrong = BOUNDS && Array.from(x).find((n) => !Number.isInteger(n) || n < BOUNDS[0] || n > BOUNDS[1]);
    if (wrong != null) throw new RangeError(`step: x must have integers from ${BOUNDS.join(" to ")}, got ${wrong}`);
    const { memory, input, output, step } = this.#wasm;
    new Input(memory.buffer, input(), INPUTS).set(x);
    step();
    return new Output(memory.buffer, output(), OUTPUTS).slice();
  }
}

async function bytes(source) {
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return source;
  const url = new URL(source, import.meta.url);
  if (url.protocol === "file:") return (await import("node:fs/promises")).readFile(url);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`load: ${url} must be there, got status ${response.status}`);
  return response.arrayBuffer();
}
