// Runs into a saddle and away from it, over the contours of the surface, and their losses beside it.

class SaddleEscape {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.points = codes(data.paths);
    this.losses = codes(data.losses);
    this.medians = codes(data.medians);
    this.ground = new Ground(data);
    const tall = (w) => (ui.narrow ? 0.8 : 0.74) * w;
    const map = ui.canvas({
      label: "Paths of ten runs over the contours of a surface with a saddle; the text below says how many got away.",
      height: tall,
      draw: (pen, w, h) => this.drawMap(pen, w, h),
    });
    ui.canvas({
      label: "Loss of each run against the step; the text below says how many got away and when.",
      height: (w) => (ui.narrow ? 0.6 * w : tall(map.clientWidth)),
      draw: (pen, w, h) => this.drawLosses(pen, w, h),
    });
    this.noise = ui.slider({ label: "noise", values: data.noises, index: data.at[0] });
    this.beta = ui.slider({ label: "beta", values: data.betas, index: data.at[1] });
    const counts = Array.from({ length: data.steps + 1 }, (_, k) => k);
    const pause = () => ui.pause(); // who takes the slider has it
    this.step = ui.slider({ label: "step", values: counts, index: data.steps, text: String, onInput: pause });
    ui.player(this.step, data.steps);
    this.boxes = ui.checks("show", data.groups);
  }

  get escapes() {
    return this.ui.data.escapes[this.noise.index][this.beta.index];
  }

  // The runs to draw, those that are still at the saddle first, each with its group and its place in the tables.
  drawn() {
    const { data } = this.ui;
    const cell = this.noise.index * data.betas.length + this.beta.index;
    const runs = this.escapes.map((step, run) => ({
      group: !step || Math.abs(step) > this.step.index ? 2 : step > 0 ? 0 : 1,
      first: (cell * data.runs + run) * (data.steps + 1),
    }));
    return runs.filter(({ group }) => this.boxes[group].checked).sort((a, b) => b.group - a.group);
  }

  drawMap(pen, width, height) {
    const { data, inks } = this.ui;
    const box = { ...inBox(width, height), top: 26 };
    const [[x0, x1], [y0, y1]] = data.domain;
    const axis = (low, high, label) => ({ low, high, label });
    const to = axes(pen, box, axis(x0, x1, "x"), axis(y0, y1, "y"), inks, { grid: false });
    const [[bx0, bx1], [by0, by1]] = data.box;
    const point = (i) => [
      to.x(bx0 + (this.points[2 * i] / data.top) * (bx1 - bx0)),
      to.y(by0 + (this.points[2 * i + 1] / data.top) * (by1 - by0)),
    ];
    const marks = { start: this.square, saddle: this.diamond, minimum: (p, x, y) => star(p, x, y, 8) };
    const put = (name, x, y) => {
      marks[name](pen, x, y);
      mark(pen, "#fff", "#000", 1.4);
    };
    key(pen, box, Object.keys(marks).map((name) => [name, (x, y) => put(name, x, y)]), inks);
    this.ground.paint(pen, box, window.devicePixelRatio || 1);
    clipTo(pen, box);
    for (const [x, y] of data.minima) put("minimum", to.x(x), to.y(y));
    put("saddle", ...data.saddle.map((v, a) => (a ? to.y(v) : to.x(v))));
    const runs = this.drawn().map(({ group, first }) => {
      const line = { ...data.groups[group], color: data.groups[group].color || "#fff" };
      return { line, path: Array.from({ length: this.step.index + 1 }, (_, k) => point(first + k)) };
    });
    for (const { line, path } of runs) stroke(pen, path, line, { width: 1.8, casing: "#000" });
    for (const { line, path } of runs) {
      pen.beginPath();
      pen.arc(...path.at(-1), 4.5, 0, 2 * Math.PI);
      mark(pen, line.color, "#000", 1.4);
    }
    put("start", to.x(-1.5), to.y(data.offset));
    pen.restore();
  }

  square(pen, x, y) {
    pen.beginPath();
    pen.rect(x - 5, y - 5, 10, 10);
  }

  diamond(pen, x, y) {
    pen.beginPath();
    for (const [dx, dy] of [[0, -7], [6, 0], [0, 7], [-6, 0]]) pen.lineTo(x + dx, y + dy);
    pen.closePath();
  }

  height(code) {
    const [low, high] = this.ui.data.range;
    return low + (code / this.ui.data.top) * (high - low);
  }

  drawLosses(pen, width, height) {
    const { data, inks } = this.ui;
    const box = { ...inBox(width, height), top: 26 };
    const start = this.height(this.losses[0]);
    const y = { low: data.range[0] - 0.1, high: start + 0.1, label: "loss" };
    const to = axes(pen, box, { low: 0, high: data.steps, label: "step" }, y, inks);
    const limit = { dashes: [5, 3] };
    const across = (x, px, at) => stroke(pen, [[x, at], [px, at]], limit, { color: inks.quiet, width: 1.3 });
    key(pen, box, [[`away: below ${number(data.limit)}`, (x, at) => across(x - 10, x + 8, at)]], inks);
    clipTo(pen, box);
    across(box.left, box.right, to.y(data.limit));
    for (const { group, first } of this.drawn()) {
      const line = { ...data.groups[group], color: data.groups[group].color || inks.ink };
      const at = (k) => [to.x(k), to.y(this.height(this.losses[first + k]))];
      const path = Array.from({ length: this.step.index + 1 }, (_, k) => at(k));
      stroke(pen, path, line, { width: 1.6 });
    }
    pen.restore();
  }

  words() {
    const { data } = this.ui;
    const k = this.step.index;
    const first = this.escapes.filter((step) => step && Math.abs(step) <= k);
    const gone = first.map(Math.abs).sort((a, b) => a - b);
    const settings = `Noise of ${number(this.noise.value)} in each gradient, beta ${number(this.beta.value)}`;
    let said = `${gone.length || "none"} of ${data.runs} runs got away from the saddle`;
    if (gone.length >= data.runs / 2) said += `, half of all runs by step ${gone[Math.ceil(data.runs / 2) - 1]}`;
    const up = first.filter((step) => step > 0).length;
    if (gone.length) said += `; ${up} upwards and ${gone.length - up} downwards`;
    else if (!this.noise.value && !data.offset) said += ": on the line the gradient never points off it";
    const cell = this.noise.index * data.betas.length + this.beta.index;
    const code = this.medians[cell * (data.steps + 1) + k];
    const median = code < data.top ? fixed(this.height(code), 3) : `above ${data.range[1]}`;
    const end = `The median loss is ${median}; at the minima it is ${number(data.range[0])}.`;
    return `${settings}, ${k} step${k === 1 ? "" : "s"}: ${said}. ${end}`;
  }
}

const render = movable((ui) => {
  const escape = new SaddleEscape(ui);
  return { words: () => escape.words() };
});
