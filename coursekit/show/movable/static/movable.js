// What every movable figure shares: canvases that fit their place and theme, labelled sliders, boxes to tick, a caption.
// A figure's own script follows this one in the same module and calls movable(build); nothing here loads anything.

const NO_SHORTCUTS = "data-lm-suppress-shortcuts"; // JupyterLab takes the arrow keys from a control without it

// The captions' numbers: the same rules as number() and fixed() of style.py.
function fixed(value, places = 2) {
  const text = value.toFixed(places);
  return /^-[0.]+$/.test(text) ? text.slice(1) : text;
}

function number(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  return String(Number(value.toFixed(Math.max(digits - 1 - Math.floor(Math.log10(size)), 0))));
}

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

const freshId = () => `ck-${Math.random().toString(36).slice(2)}`;

// The figure around build(ui), which adds its parts and returns { draw, words, update }: `draw` paints, `words` gives
// the caption, `update` (when there is one) takes in new data.
function movable(build) {
  return ({ model, el }) => {
    const ui = new Figure(model, el);
    const parts = build(ui);
    ui.start(parts);
    return () => ui.stop();
  };
}

class Figure {
  constructor(model, el) {
    this.model = model;
    this.data = model.get("data");
    this.canvases = [];
    this.live = false; // whether a kernel has answered
    this.playing = null;
    this.caption = make("figcaption", { class: "ck-caption", "aria-live": "polite" });
    this.pictures = make("div", { class: "ck-pictures" });
    this.controls = make("div", { class: "ck-controls" });
    this.root = make("figure", { class: "ck-figure" }, this.pictures, this.controls, this.caption);
    this.root.setAttribute("aria-label", this.data.title);
    el.append(this.root);
  }

  start(parts) {
    this.parts = parts;
    this.onData = () => {
      this.data = this.model.get("data");
      parts.update?.();
      this.redraw();
    };
    this.onMessage = (message) => {
      this.live = true;
      parts.message?.(message);
      this.redraw();
    };
    this.model.on("change:data", this.onData);
    this.model.on("msg:custom", this.onMessage);
    this.model.send?.({ kind: "hello" }); // only a kernel answers; a saved page keeps what needs one switched off
    this.refresh = () => this.redraw();
    this.sizes = new ResizeObserver(this.refresh);
    this.sizes.observe(this.root);
    this.themes = new MutationObserver(this.refresh);
    const attributeFilter = ["class", "data-theme", "data-mode", "data-jp-theme-light"];
    for (const node of [document.documentElement, document.body]) this.themes.observe(node, { attributeFilter });
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.dark.addEventListener("change", this.refresh);
    this.redraw();
  }

  stop() {
    this.pause();
    cancelAnimationFrame(this.frame);
    this.sizes.disconnect();
    this.themes.disconnect();
    this.dark.removeEventListener("change", this.refresh);
    this.model.off("change:data", this.onData);
    this.model.off("msg:custom", this.onMessage);
  }

  // Draw everything once before the next frame, however many things asked for it.
  redraw() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      const css = getComputedStyle(this.root);
      const read = (name) => css.getPropertyValue(`--ck-${name}`).trim();
      this.inks = { page: read("page"), ink: read("ink"), quiet: read("quiet"), grid: read("grid") };
      for (const canvas of this.canvases) canvas.paint();
      for (const paint of this.samples ?? []) paint();
      const words = this.parts.words();
      if (this.caption.textContent !== words) this.caption.textContent = words;
    });
  }

  get narrow() {
    return this.root.clientWidth < 640;
  }

  // A canvas as wide as its place: `height(width)` gives its height, `draw(pen, width, height)` paints in CSS pixels.
  canvas({ label, height, draw }) {
    const canvas = make("canvas", { role: "img", "aria-label": label });
    this.pictures.append(canvas);
    canvas.paint = () => {
      const width = canvas.clientWidth;
      if (!width) return; // in a hidden tab
      const tall = Math.round(height(width));
      const ratio = window.devicePixelRatio || 1;
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(tall * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(tall * ratio);
        canvas.style.height = `${tall}px`;
      }
      const pen = canvas.getContext("2d");
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, tall);
      draw(pen, width, tall);
    };
    this.canvases.push(canvas);
    return canvas;
  }

  // A slider over `values`, of which `text(value)` is shown and read out; `value` is the one that it stands at.
  slider({ label, values, index, text = number, onInput = () => {} }) {
    const id = freshId();
    const input = make("input", { type: "range", id, min: 0, max: values.length - 1, step: 1, [NO_SHORTCUTS]: "true" });
    const output = make("output", { for: id });
    const row = make("div", { class: "ck-slider" }, make("label", { for: id }, label), input, output);
    this.controls.append(row);
    const slider = {
      row,
      get index() {
        return Number(input.value);
      },
      get value() {
        return values[slider.index];
      },
      move: (to) => {
        input.value = to;
        const said = text(slider.value);
        output.textContent = said;
        input.setAttribute("aria-valuetext", said);
        this.redraw();
      },
    };
    input.addEventListener("input", () => {
      slider.move(slider.index);
      onInput();
    });
    slider.move(index);
    return slider;
  }

  // Play and pause for a slider: from its first place to its last in `seconds`.
  player(slider, last, seconds = 4) {
    const button = make("button", { type: "button", class: "ck-play", [NO_SHORTCUTS]: "true" });
    const say = () => {
      button.textContent = this.playing ? "❚❚" : "▶";
      button.setAttribute("aria-label", this.playing ? "pause" : "play the steps");
      this.caption.setAttribute("aria-live", this.playing ? "off" : "polite"); // not a new sentence each frame
    };
    this.pause = () => {
      cancelAnimationFrame(this.playing);
      this.playing = null;
      say();
    };
    button.addEventListener("click", () => {
      if (this.playing) return this.pause();
      const from = slider.index >= last ? 0 : slider.index;
      const began = performance.now();
      const tick = (now) => {
        const at = Math.min(from + Math.floor(((now - began) / 1000 / seconds) * last), last);
        if (at !== slider.index) slider.move(Math.max(at, 0));
        if (at >= last) return this.pause();
        this.playing = requestAnimationFrame(tick);
      };
      this.playing = requestAnimationFrame(tick);
      say();
    });
    slider.row.append(button);
    slider.row.classList.add("ck-played");
    say();
  }

  pause() {}

  // Boxes to tick, each with a sample of its line; `boxes[i].checked` says whether line i is to be drawn, and
  // `boxes[i].say(text)` puts a remark beside its name. A line with a `note` has nothing to draw.
  checks(legend, lines) {
    const set = make("fieldset", { class: "ck-checks" }, make("legend", {}, legend));
    this.controls.append(set);
    this.samples = [];
    return lines.map((line) => {
      const box = make("input", { type: "checkbox", [NO_SHORTCUTS]: "true" });
      box.checked = !line.note;
      box.disabled = Boolean(line.note);
      box.addEventListener("change", () => this.redraw());
      const sample = make("canvas", { width: 88, height: 24, "aria-hidden": "true" });
      this.samples.push(() => paintSample(sample, line, this.inks));
      const remark = make("span", { class: "ck-note" });
      box.say = (text) => {
        if (remark.textContent !== text) remark.textContent = text;
      };
      set.append(make("label", {}, box, sample, `${line.name} `, remark));
      return box;
    });
  }

  // One of a few values to choose: `value` is the chosen one.
  choice(legend, values, chosen, text = String) {
    const set = make("fieldset", { class: "ck-checks" }, make("legend", {}, legend));
    this.controls.append(set);
    const name = freshId();
    const boxes = values.map((value) => {
      const box = make("input", { type: "radio", name, [NO_SHORTCUTS]: "true" });
      box.checked = value === chosen;
      box.addEventListener("change", () => this.redraw());
      set.append(make("label", {}, box, text(value)));
      return box;
    });
    return {
      get value() {
        return values[boxes.findIndex((box) => box.checked)];
      },
    };
  }
}

// Make a canvas a handle for a point: `at(x, y)` on a press or a drag, `by(dx, dy)` on an arrow key.
function handle(canvas, { active, at, by }) {
  let held = false;
  const move = (event) => {
    const place = canvas.getBoundingClientRect();
    at(event.clientX - place.left, event.clientY - place.top);
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (!active()) return;
    held = true;
    canvas.setPointerCapture(event.pointerId);
    move(event);
  });
  canvas.addEventListener("pointermove", (event) => held && move(event));
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (held = false));
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  canvas.addEventListener("keydown", (event) => {
    if (!active() || !(event.key in arrows)) return;
    event.preventDefault();
    event.stopPropagation();
    by(...arrows[event.key]);
  });
}

// The 16-bit numbers of a field of the data, which comes as a view of bytes that may start at an odd place.
function codes(view) {
  return new Uint16Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// The value of a code of encode_powers() in table.py; the lowest stands for all values down to 0.
function power(code, { decades: [first, last], top }) {
  if (code > top) return NaN;
  return code ? 10 ** (first + (code / top) * (last - first)) : 0;
}

// The model of a page without a kernel: the data as they were saved, and nobody who answers.
function savedModel(data) {
  for (const [key, value] of Object.entries(data)) {
    if (value?.base64) data[key] = new DataView(Uint8Array.from(atob(value.base64), (c) => c.charCodeAt(0)).buffer);
  }
  return { get: (key) => ({ data })[key], on() {}, off() {}, send() {} };
}
