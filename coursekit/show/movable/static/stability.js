// Gradient descent on a bowl of two curvatures: its path, its loss, and what each learning rate does along each of them.

class Stability {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.points = codes(data.paths);
    this.losses = codes(data.losses);
    const size = 2 * data.rows * data.columns;
    const { buffer, byteOffset } = data.heights;
    this.grounds = data.conditions.map((_, c) => {
      return new Ground({ ...data, heights: new DataView(buffer, byteOffset + c * size, size) });
    });
    const room = inBox(0, 0);
    const [across, up] = data.domain.map(([low, high]) => high - low);
    const tall = (w) => ((w + room.right - room.left) * up) / across - room.bottom + room.top; // circles are round
    const map = ui.canvas({
      label: "Path of gradient descent over contours of a bowl; the text below says how it goes.",
      height: tall,
      draw: (pen, w, h) => this.drawMap(pen, w, h),
    });
    ui.canvas({
      label: "Loss against the step, the whole and its two parts; the text below says where it ends.",
      height: (w) => (ui.narrow ? 0.6 * w : tall(map.clientWidth)),
      draw: (pen, w, h) => this.drawLosses(pen, w, h),
    });
    const chart = ui.canvas({
      label: "Size of the factor per step against the learning rate; the text below gives both factors.",
      height: (w) => Math.min(Math.max(0.3 * w, 190), 250),
      draw: (pen, w, h) => this.drawFactors(pen, w, h),
    });
    chart.style.gridColumn = "1 / -1";
    chart.classList.add("ck-draggable");
    this.rate = ui.slider({ label: "learning rate", values: data.rates, index: data.at[1] });
    this.condition = ui.slider({ label: "condition L/μ", values: data.conditions, index: data.at[0] });
    this.boxes = ui.checks("show", data.lines);
    handle(chart, { active: () => true, at: (x) => this.drag(x), by() {} });
  }

  drag(px) {
    const share = (px - this.box.left) / (this.box.right - this.box.left);
    const last = this.ui.data.rates.length - 1;
    this.rate.move(Math.round(Math.min(Math.max(share, 0), 1) * last));
  }

  drawMap(pen, width, height) {
    const { data, inks } = this.ui;
    const box = inBox(width, height);
    const [[x0, x1], [y0, y1]] = data.domain;
    const x = { low: x0, high: x1, label: "flat direction x, curvature μ" };
    const y = { low: y0, high: y1, label: "steep direction y, curvature L" };
    const to = axes(pen, box, x, y, inks, { grid: false });
    this.grounds[this.condition.index].paint(pen, box, window.devicePixelRatio || 1);
    clipTo(pen, box);
    const path = this.path(to);
    stroke(pen, path, data.lines[0], { casing: "#fff" });
    for (const point of path) {
      pen.beginPath();
      pen.arc(...point, 3.4, 0, 2 * Math.PI);
      mark(pen, data.lines[0].color, "#fff", 1.2);
    }
    star(pen, to.x(0), to.y(0), 9);
    mark(pen, "#fff", "#000", 1);
    pen.beginPath();
    pen.rect(to.x(data.start[0]) - 5, to.y(data.start[1]) - 5, 10, 10);
    mark(pen, "#fff", "#000", 1.8);
    pen.restore();
  }

  // The path in pixels, up to where it is so far away that the codes no longer tell where.
  path(to) {
    const { data } = this.ui;
    const first = (this.condition.index * data.rates.length + this.rate.index) * (data.steps + 1);
    const points = [];
    for (let k = 0; k <= data.steps; k++) {
      const [x, y] = data.box.map(([low, high], a) => {
        const code = this.points[2 * (first + k) + a];
        return code > 0 && code < data.top ? low + (code / data.top) * (high - low) : NaN;
      });
      if (Number.isNaN(x + y)) break;
      points.push([to.x(x), to.y(y)]);
    }
    return points;
  }

  drawLosses(pen, width, height) {
    const { data, inks } = this.ui;
    const box = inBox(width, height);
    const begin = power(this.losses[0], data);
    const y = { low: begin * 1e-6, high: begin * 1e4, label: "loss", log: true };
    const to = axes(pen, box, { low: 0, high: data.steps, label: "step" }, y, inks);
    clipTo(pen, box);
    const cell = this.condition.index * data.rates.length + this.rate.index;
    data.lines.forEach((line, l) => {
      const first = (cell * data.lines.length + l) * (data.steps + 1);
      const at = (k) => [to.x(k), to.y(power(this.losses[first + k], data))];
      const points = Array.from({ length: data.steps + 1 }, (_, k) => at(k));
      if (this.boxes[l].checked) stroke(pen, points, line, { width: 2 });
    });
    pen.restore();
  }

  drawFactors(pen, width, height) {
    const { data, inks } = this.ui;
    const box = (this.box = { ...inBox(width, height), top: 44 });
    const last = data.rates.at(-1);
    const y = { low: 0, high: 1.6, label: "size of factor", ticks: [0, 0.5, 1, 1.5] };
    const to = axes(pen, box, { low: 0, high: last, label: "learning rate" }, y, inks);
    this.limits(pen, box, to);
    clipTo(pen, box);
    stroke(pen, [[box.left, to.y(1)], [box.right, to.y(1)]], { dashes: [] }, { color: inks.quiet, width: 1.5 });
    const here = to.x(this.rate.value);
    stroke(pen, [[here, box.top], [here, box.bottom]], { dashes: [] }, { color: inks.ink, width: 1.5 });
    data.lines.slice(1).forEach((line, d) => {
      if (!this.boxes[d + 1].checked) return;
      const both = data.factors[this.condition.index].map((pair) => pair[d]);
      stroke(pen, both.map((factor, r) => [to.x(data.rates[r]), to.y(factor)]), line);
      pen.beginPath();
      pen.arc(here, to.y(both[this.rate.index]), 5, 0, 2 * Math.PI);
      mark(pen, line.color, inks.page, 1.6);
    });
    pen.restore();
  }

  // The marked rates above the box, and between them what becomes of the steep direction.
  limits(pen, box, to) {
    const { data, inks } = this.ui;
    const [turn, limit, best] = [data.limits["1/L"], data.limits["2/L"], data.best[this.condition.index]];
    const line = (rate, dashes, top) => {
      stroke(pen, [[to.x(rate), top], [to.x(rate), box.bottom]], { dashes }, { color: inks.quiet, width: 1.3 });
    };
    const text = (said, x, y, color) => {
      const wide = pen.measureText(said).width + 4;
      pen.fillStyle = inks.page;
      pen.fillRect(x - wide / 2, y - 7, wide, 14); // where a line would cross the letters
      pen.fillStyle = color;
      pen.fillText(said, x, y);
    };
    for (const rate of [turn, limit]) line(rate, [4, 3], 34);
    line(best, [1.5, 2], 16);
    pen.save();
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    for (const [name, rate] of Object.entries(data.limits)) {
      text(`${name} = ${number(rate)}`, to.x(rate), 26, inks.ink);
    }
    text(`best: 2/(L+μ) = ${number(best)}`, Math.min(to.x(best), box.right - 60), 8, inks.ink);
    const says = [["creeps", 0, turn], ["rings", turn, limit], ["diverges", limit, data.rates.at(-1)]];
    for (const [said, from, until] of says) text(said, to.x((from + until) / 2), box.top + 10, inks.quiet);
    pen.restore();
  }

  words() {
    return this.ui.data.captions[this.condition.index][this.rate.index];
  }
}

const render = movable((ui) => {
  const stability = new Stability(ui);
  return { words: () => stability.words() };
});
