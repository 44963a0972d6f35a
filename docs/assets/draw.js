// A digit that the reader draws, and the spikes of the net of draw-net.js for it, step by step.
(() => {
  const [SIDE, FINE, STEPS, INPUT, HIDDEN, DIGITS] = [8, 32, 8, 64, 128, 10];
  const [HEIGHT, WIDTH, INK] = [27, 18, 0.3]; // of the digits in the data: the longest strokes, the share of ink
  const PAUSE = 250; // milliseconds from step to step

  /** Return 8 by 8 pixels, as in the data of the net: a digit fills the height, and its ink is a share of the area. */
  function pixels(strokes) {
    const points = strokes.flat();
    const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
    const [right, bottom] = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
    const down = HEIGHT / Math.max(bottom - top, (right - left) / 3, 1e-3);
    const across = Math.min(down, WIDTH / Math.max(right - left, 1e-3));
    const place = ([x, y]) => [
      FINE / 2 + (x - (left + right) / 2) * across,
      FINE / 2 + (y - (top + bottom) / 2) * down,
    ];
    const lines = strokes.flatMap((stroke) => {
      const placed = stroke.map(place);
      return placed.map((point, k) => [placed[Math.max(k - 1, 0)], point]);
    });
    const far = Array.from({ length: FINE * FINE }, (_, k) =>
      Math.min(...lines.map((line) => distance([(k % FINE) + 0.5, Math.floor(k / FINE) + 0.5], line))),
    );
    const reach = [...far].sort((a, b) => a - b)[Math.round(INK * FINE * FINE)];
    const image = new Float32Array(INPUT);
    const block = FINE / SIDE;
    far.forEach((d, k) => {
      const cell = SIDE * Math.floor(k / FINE / block) + Math.floor((k % FINE) / block);
      if (d <= reach) image[cell] = Math.min(image[cell] + 1 / block ** 2, 1);
    });
    return image;
  }

  function distance([x, y], [[x0, y0], [x1, y1]]) {
    const [dx, dy] = [x1 - x0, y1 - y0];
    const along = ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1);
    const t = Math.min(Math.max(along, 0), 1);
    return Math.hypot(x - x0 - t * dx, y - y0 - t * dy);
  }

  function canvas(parent, name, width, height) {
    const figure = parent.appendChild(document.createElement("figure"));
    const element = figure.appendChild(document.createElement("canvas"));
    [element.width, element.height] = [2 * width, 2 * height]; // for screens of fine pixels
    element.style.width = `${width}px`;
    figure.appendChild(document.createElement("figcaption")).textContent = name;
    const context = element.getContext("2d");
    context.scale(2, 2);
    return { element, context, width, height };
  }

  function cleared({ element, context, width, height }) {
    context.clearRect(0, 0, width, height);
    context.fillStyle = context.strokeStyle = getComputedStyle(element).color;
    return context;
  }

  /** Draw a dot for each spike; a row is a neuron, a column a step. */
  function raster(picture, steps) {
    const context = cleared(picture);
    const [across, down] = [picture.width / STEPS, picture.height / steps[0].length];
    const [w, h] = [across * 0.7, Math.max(down * 0.7, 1)];
    steps.forEach((spikes, t) =>
      spikes.forEach((spike, k) => spike && context.fillRect((t + 0.15) * across, (k + 0.15) * down, w, h)),
    );
  }

  function bars(picture, counts) {
    const context = cleared(picture);
    const [most, high] = [Math.max(...counts), picture.height / DIGITS];
    context.font = `${high * 0.8}px sans-serif`;
    counts.forEach((count, digit) => {
      context.globalAlpha = count === most ? 1 : 0.5;
      context.fillText(digit, 0, (digit + 0.8) * high);
      context.fillRect(high, (digit + 0.15) * high, (count / STEPS) * (picture.width - high), high * 0.7);
    });
    context.globalAlpha = 1;
  }

  async function start(root) {
    const decoded = Uint8Array.from(atob(DRAWN_NET.module), (letter) => letter.charCodeAt(0));
    const { load } = await import(`data:text/javascript;base64,${DRAWN_NET.script}`);
    const net = await load(decoded);
    const board = canvas(root, "draw a digit", 160, 160);
    board.element.className = "board";
    const seen = canvas(root, "8 by 8 pixels", 80, 80);
    const input = canvas(root, "64 input neurons", 80, 160);
    const hidden = canvas(root, "128 hidden neurons", 80, 160);
    const output = canvas(root, "spikes per digit", 100, 160);
    const line = root.appendChild(document.createElement("p"));
    const answer = line.appendChild(document.createElement("output"));
    const clear = line.appendChild(document.createElement("button"));
    [clear.type, clear.textContent] = ["button", "Clear"];
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    let [strokes, timer, drawing] = [[], undefined, false];

    function show(image, spikes, counts) {
      raster(input, spikes.map((out) => out.subarray(0, INPUT)));
      raster(hidden, spikes.map((out) => out.subarray(INPUT, INPUT + HIDDEN)));
      bars(output, counts);
      const most = Math.max(...counts);
      const first = counts.flatMap((count, digit) => (count === most ? [digit] : []));
      const said = most === 0 ? "no spike yet" : first.length > 1 ? `between ${first.join(" and ")}` : `a ${first[0]}`;
      answer.textContent = `Step ${spikes.length} of ${STEPS}: ${said}`;
      if (spikes.length === STEPS) root.dispatchEvent(new CustomEvent("answer", { detail: { image, spikes, counts } }));
    }

    function run() {
      const image = pixels(strokes);
      const context = cleared(seen);
      image.forEach((brightness, k) => {
        context.globalAlpha = brightness;
        context.fillRect((k % SIDE) * 10, Math.floor(k / SIDE) * 10, 10, 10);
      });
      context.globalAlpha = 1;
      net.reset();
      const [spikes, counts] = [[], new Array(DIGITS).fill(0)];
      const step = () => {
        const out = net.step(image);
        spikes.push(out);
        out.subarray(INPUT + HIDDEN).forEach((spike, digit) => (counts[digit] += spike));
        show(image, spikes, counts);
        if (spikes.length < STEPS) timer = setTimeout(step, still ? 0 : PAUSE);
      };
      step();
    }

    function ink() {
      const context = cleared(board);
      [context.lineWidth, context.lineCap, context.lineJoin] = [12, "round", "round"];
      for (const stroke of strokes) {
        context.beginPath();
        for (const [x, y] of [stroke[0], ...stroke]) context.lineTo(x * board.width, y * board.height);
        context.stroke();
      }
    }

    function add(event) {
      const box = board.element.getBoundingClientRect();
      strokes.at(-1).push([(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]);
      ink();
    }

    board.element.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      board.element.setPointerCapture(event.pointerId);
      drawing = true;
      strokes.push([]);
      add(event);
    });
    board.element.addEventListener("pointermove", (event) => drawing && add(event));
    for (const end of ["pointerup", "pointercancel"])
      board.element.addEventListener(end, () => {
        if (drawing) run();
        drawing = false;
      });
    clear.addEventListener("click", () => {
      clearTimeout(timer);
      strokes = [];
      [board, seen, input, hidden, output].forEach(cleared);
      answer.textContent = "";
    });
    root.dataset.ready = "";
  }

  const root = document.getElementById("drawing");
  if (root) start(root);
})();
