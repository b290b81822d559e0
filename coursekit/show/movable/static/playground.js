// The playground: paths of update rules on the contours of a surface, and their losses beside it.

const SILENCE = 3000; // milliseconds without an answer until the caption says so

// The table of paths as it came from Python: points and heights of line l at rate r, value v and step k.
class Table {
  constructor(data) {
    this.data = data;
    this.points = codes(data.paths);
    this.losses = codes(data.losses);
  }

  at(l, r, v, k) {
    return ((l * this.data.lrs.length + r) * this.data.values.length + v) * (this.data.steps + 1) + k;
  }

  isNumber(i) {
    return this.points[2 * i] <= this.data.top && this.points[2 * i + 1] <= this.data.top;
  }

  atEdge(i) {
    return [2 * i, 2 * i + 1].some((j) => this.points[j] === 0 || this.points[j] >= this.data.top);
  }

  point(i) {
    return this.data.box.map(([low, high], axis) => low + (this.points[2 * i + axis] / this.data.top) * (high - low));
  }

  // The height above the lowest minimum; what is below the range counts as none.
  above(i) {
    return power(this.losses[i], this.data);
  }

  // The heights to show: the same wherever the sliders stand, so that moving them can be compared.
  range() {
    const begin = this.above(this.at(this.data.lines.findIndex((line) => !line.note), 0, 0, 0)) || 1;
    let low = begin / 100;
    for (let i = 0; i < this.losses.length; i++) {
      if (this.losses[i] < this.data.top) low = Math.min(low, this.above(i));
    }
    return { low: Math.max(low, begin * 1e-7), high: begin * 30 };
  }

  inside(i) {
    return this.isNumber(i) && this.point(i).every((p, a) => p >= this.data.domain[a][0] && p <= this.data.domain[a][1]);
  }

  // How line l diverges within k steps, or "".
  lost(l, r, v, k) {
    const [first, last] = [this.at(l, r, v, 0), this.at(l, r, v, k)];
    if (!this.atEdge(last)) return "";
    let i = last;
    while (i > first && !this.inside(i - 1)) i--;
    return `${this.isNumber(i) ? "outside the picture" : "not a number"} from step ${i - first} on`;
  }

  // What the legend says of line l besides its name.
  remark(l, r, v, k) {
    const { note, brief } = this.data.lines[l];
    if (note) return brief ? `(not drawn: ${brief})` : "(not drawn)";
    const lost = this.lost(l, r, v, k);
    return lost && `(${lost.split(" from ")[0]})`; // no step: a number that changes would push the other names about
  }

  // How line l ends after k steps, in words: the same as _end() of playground.py.
  end(l, r, v, k) {
    const line = this.data.lines[l];
    if (line.note) return `${line.name} is not drawn: ${line.note}`;
    const lost = this.lost(l, r, v, k);
    if (lost) return `${line.name} diverges: ${lost}`;
    const last = this.at(l, r, v, k);
    const outside = this.inside(last) ? "" : ", outside the picture";
    const [x, y] = this.point(last);
    const loss = number(this.data.lowest + this.above(last));
    return `${line.name} ends at (${fixed(x)}, ${fixed(y)})${outside}, loss ${loss}`;
  }
}

class Playground {
  constructor(ui) {
    this.ui = ui;
    this.take();
    const { data } = ui;
    this.ground = new Ground(data);
    const [width, height] = data.domain.map(([low, high]) => high - low);
    const ratio = Math.min(Math.max(height / width, 0.6), 0.9);
    const tall = (w) => (inBox(w, 0).right - inBox(w, 0).left) * ratio - inBox(w, 0).bottom + inBox(w, 0).top;
    this.map = ui.canvas({ label: "", height: tall, draw: (pen, w, h) => this.drawMap(pen, w, h) });
    ui.canvas({
      label: "Loss of each rule against the step; the text below says where each ends.",
      height: (w) => (ui.narrow ? 0.6 * w : tall(this.map.clientWidth)),
      draw: (pen, w, h) => this.drawLosses(pen, w, h),
    });
    this.rate = ui.slider({ label: "learning rate", values: data.lrs, index: data.at[0] });
    if (data.hyper) this.second = ui.slider({ label: data.hyper, values: data.values, index: data.at[1] });
    const counts = Array.from({ length: data.steps + 1 }, (_, k) => k);
    const pause = () => ui.pause(); // who takes the slider has it
    this.step = ui.slider({ label: "step", values: counts, index: data.steps, text: String, onInput: pause });
    ui.player(this.step, data.steps);
    this.boxes = ui.checks("show", data.lines);
    handle(this.map, { active: () => ui.live, at: (x, y) => this.drag(x, y), by: (dx, dy) => this.nudge(dx, dy) });
  }

  // Take in new data: the start's own mark follows, unless it is being moved further.
  take() {
    this.table = new Table(this.ui.data);
    this.range = this.table.range();
    if (!this.wanted) this.start = this.ui.data.start;
  }

  // The kernel has answered: the start can be moved, and a move that waited can be asked for.
  message() {
    this.map.setAttribute("tabindex", "0");
    this.map.setAttribute("data-lm-suppress-shortcuts", "true");
    this.map.setAttribute("role", "application");
    this.asked = null;
    this.ask();
  }

  drag(px, py) {
    if (this.from) this.moveTo(this.from(px, py));
  }

  nudge(dx, dy) {
    const size = this.ui.data.domain.map(([low, high]) => (high - low) / 60);
    this.moveTo([this.start[0] + dx * size[0], this.start[1] + dy * size[1]]);
  }

  moveTo(point) {
    this.start = point.map((p, a) => Math.min(Math.max(p, this.ui.data.domain[a][0]), this.ui.data.domain[a][1]));
    this.wanted = this.start;
    this.ask();
    this.ui.redraw();
  }

  // One question at a time: while the kernel works, only the last place is kept.
  ask() {
    if (this.asked || !this.wanted) return;
    this.ui.model.send({ kind: "start", start: this.wanted });
    this.wanted = null;
    this.asked = performance.now();
    setTimeout(() => this.ui.redraw(), SILENCE + 100);
  }

  drawn() {
    const lines = this.ui.data.lines.map((line, l) => ({ line, l }));
    return lines.filter(({ line, l }) => this.boxes[l].checked && !line.note).map(({ line, l }) => {
      const first = this.table.at(l, this.rate.index, this.second?.index ?? 0, 0);
      return { line, l, first, last: first + this.step.index };
    });
  }

  drawMap(pen, width, height) {
    const { data, inks, live } = this.ui;
    const box = inBox(width, height);
    const [[x0, x1], [y0, y1]] = data.domain;
    const axis = (low, high, label) => ({ low, high, label });
    const to = axes(pen, box, axis(x0, x1, "x"), axis(y0, y1, "y"), inks, { grid: false });
    this.from = (px, py) => [
      x0 + ((px - box.left) / (box.right - box.left)) * (x1 - x0),
      y0 + ((box.bottom - py) / (box.bottom - box.top)) * (y1 - y0),
    ];
    this.ground.paint(pen, box, window.devicePixelRatio || 1);
    clipTo(pen, box);
    for (const [x, y] of data.minima) {
      star(pen, to.x(x), to.y(y), 9);
      mark(pen, "#fff", "#000", 1);
    }
    const paths = this.drawn().map((path) => ({ ...path, points: this.pixels(path, to) }));
    for (const { line, points } of paths) stroke(pen, points, line, { color: line.color || "#000", casing: "#fff" });
    for (const { line, points } of paths) {
      pen.beginPath();
      pen.arc(...points.at(-1), line.own ? 3.5 : 5, 0, 2 * Math.PI);
      mark(pen, line.color || "#000", "#fff", 1.6);
    }
    pen.beginPath();
    pen.rect(to.x(this.start[0]) - 5, to.y(this.start[1]) - 5, 10, 10);
    mark(pen, "#fff", "#000", 1.8);
    pen.restore();
    const keys = live ? " The arrow keys move the start." : "";
    const label = `Paths of update rules over contours of the ${data.surface} surface; the text below says where each ends.`;
    this.map.setAttribute("aria-label", label + keys);
  }

  // A path in pixels, up to where it diverges: at the edge of the box its direction is no longer known.
  pixels({ first, last }, to) {
    const points = [];
    const whole = !this.table.atEdge(last);
    for (let i = first; i <= last && (whole || !this.table.atEdge(i)); i++) {
      const [x, y] = this.table.point(i);
      points.push([to.x(x), to.y(y)]);
    }
    return points.length ? points : [[to.x(this.ui.data.start[0]), to.y(this.ui.data.start[1])]];
  }

  drawLosses(pen, width, height) {
    const { data, inks } = this.ui;
    const box = inBox(width, height);
    const label = data.lowest ? "loss above the lowest" : "loss";
    const to = axes(pen, box, { low: 0, high: data.steps, label: "step" }, { ...this.range, label, log: true }, inks);
    clipTo(pen, box);
    for (const { line, first, last } of this.drawn()) {
      const points = [];
      for (let i = first; i <= last && !Number.isNaN(this.table.above(i)); i++) {
        points.push([to.x(i - first), to.y(this.table.above(i))]);
      }
      if (points.length) stroke(pen, points, line, { color: line.color || inks.ink, width: 2 });
    }
    pen.restore();
  }

  words() {
    const { data, live } = this.ui;
    const k = this.step.index;
    const value = this.second?.index ?? 0;
    const second = data.hyper ? `, ${data.hyper} ${number(this.second.value)}` : "";
    const start = data.start.map((p) => fixed(p)).join(", ");
    const head = `Learning rate ${number(this.rate.value)}${second}, ${k} step${k === 1 ? "" : "s"} from (${start}): `;
    this.boxes.forEach((box, l) => box.say(this.table.remark(l, this.rate.index, value, k)));
    const ends = data.lines
      .map((line, l) => ({ line, l }))
      .filter(({ line, l }) => line.note || this.boxes[l].checked)
      .map(({ l }) => this.table.end(l, this.rate.index, value, k));
    let how = "Moving the start needs a running kernel.";
    if (live) how = "Drag the white square to start elsewhere, or move it with the arrow keys.";
    if (this.asked && performance.now() - this.asked > SILENCE) how = "The kernel is busy or gone: the new start waits.";
    return `${head}${ends.join("; ") || "no path is shown"}. ${how}`;
  }
}

const render = movable((ui) => {
  const playground = new Playground(ui);
  return {
    words: () => playground.words(),
    update: () => playground.take(),
    message: () => playground.message(),
  };
});
