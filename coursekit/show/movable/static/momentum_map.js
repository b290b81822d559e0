// Heavy-ball momentum along one direction: the factor per step as a map, and the value of the chosen cell beside it.

class MomentumMap {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.ground = new Ground(data);
    this.values = codes(data.values);
    const tall = (w) => (ui.narrow ? 0.95 : 0.8) * w;
    const map = ui.canvas({
      label: "Map of the factor per step; the text below gives it for the chosen cell. The arrow keys choose another.",
      height: tall,
      draw: (pen, w, h) => this.drawMap(pen, w, h),
    });
    map.setAttribute("tabindex", "0");
    map.setAttribute("role", "application");
    map.setAttribute(NO_SHORTCUTS, "true");
    ui.canvas({
      label: "Value against the step in the chosen cell; the text below says how fast it shrinks.",
      height: (w) => (ui.narrow ? 0.62 * w : tall(map.clientWidth)),
      draw: (pen, w, h) => this.drawValues(pen, w, h),
    });
    this.rate = ui.slider({ label: "lr × curvature", values: data.rates, index: data.at[1] });
    this.beta = ui.slider({ label: "beta", values: data.betas, index: data.at[0] });
    this.boxes = ui.checks("show", data.lines);
    handle(map, { active: () => true, at: (x, y) => this.drag(x, y), by: (dx, dy) => this.nudge(dx, dy) });
  }

  drag(px, py) {
    const { left, right, top, bottom } = this.box;
    this.choose(this.rate, (px - left) / (right - left), this.ui.data.rates);
    this.choose(this.beta, (bottom - py) / (bottom - top), this.ui.data.betas);
  }

  // Both sliders are even along the axes of the map.
  choose(slider, share, values) {
    slider.move(Math.round(Math.min(Math.max(share, 0), 1) * (values.length - 1)));
  }

  nudge(dx, dy) {
    this.rate.move(this.rate.index + dx); // the slider itself holds the ends
    this.beta.move(this.beta.index + dy);
  }

  drawMap(pen, width, height) {
    const { data, inks } = this.ui;
    const box = (this.box = { ...inBox(width, height), top: 26, right: width - 72 });
    const { rates, betas } = data;
    const x = { low: rates[0], high: rates.at(-1), label: "learning rate × curvature", log: true };
    x.ticks = [0.01, 0.03, 0.1, 0.3, 1, 2, 4];
    const to = axes(pen, box, x, { low: betas[0], high: betas.at(-1), label: "beta" }, inks, { grid: false });
    const best = data.best.map(([rate, beta]) => [to.x(rate), to.y(beta)]);
    const paintBest = (points) => stroke(pen, points, { dashes: [2.5, 1.5] }, { color: "#fff", casing: "#000", width: 2 });
    key(pen, box, [["best beta", (px, py) => paintBest([[px - 10, py], [px + 9, py]])]], inks);
    this.ground.paint(pen, box, window.devicePixelRatio || 1);
    this.bar(pen, box);
    clipTo(pen, box);
    const limit = data.levels[data.named.indexOf(1)];
    pen.beginPath();
    this.ground.contour(pen, limit, ...this.places(box));
    pen.strokeStyle = "#000";
    pen.lineWidth = 2.4;
    pen.stroke();
    this.sayDiverges(pen, to);
    paintBest(best);
    pen.restore();
    this.crosshair(pen, box, to.x(this.rate.value), to.y(this.beta.value));
  }

  // How the rows and columns of the ground become pixels.
  places({ left, right, top, bottom }) {
    const { rows, columns } = this.ui.data;
    return [
      (column) => left + (column / (columns - 1)) * (right - left),
      (row) => bottom - (row / (rows - 1)) * (bottom - top),
    ];
  }

  sayDiverges(pen, to) {
    pen.save();
    pen.translate(to.x(3.3), to.y(0.2));
    pen.rotate(-Math.PI / 2);
    pen.font = "13px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = "#000";
    pen.fillText("diverges", 0, 0);
    pen.restore();
  }

  crosshair(pen, box, x, y) {
    const gap = 7;
    const arms = [[[box.left, y], [x - gap, y]], [[x + gap, y], [box.right, y]]];
    arms.push([[x, box.top], [x, y - gap]], [[x, y + gap], [x, box.bottom]]);
    for (const arm of arms) stroke(pen, arm, { dashes: [] }, { color: "#fff", casing: "#000", width: 1 });
    for (const [color, wide] of [["#000", 4], ["#fff", 2]]) {
      pen.beginPath();
      pen.arc(x, y, gap, 0, 2 * Math.PI);
      pen.strokeStyle = color;
      pen.lineWidth = wide;
      pen.stroke();
    }
  }

  // What the colours mean, with a mark for each contour.
  bar(pen, box) {
    const { data, inks } = this.ui;
    const left = box.right + 14;
    const at = (share) => box.bottom + share * (box.top - box.bottom);
    const paint = pen.createLinearGradient(0, box.bottom, 0, box.top);
    data.colors.forEach((color, i) => paint.addColorStop(i / (data.colors.length - 1), color));
    pen.save();
    pen.fillStyle = paint;
    pen.fillRect(left, box.top, 14, box.bottom - box.top);
    pen.font = "12px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.fillStyle = inks.ink;
    data.named.forEach((factor, i) => {
      const y = Math.round(at(data.levels[i])) + 0.5;
      pen.strokeStyle = "#000";
      pen.lineWidth = factor === 1 ? 2.4 : 1;
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(left + 14, y);
      pen.stroke();
      pen.fillText(number(factor), left + 19, y);
    });
    pen.textAlign = "right";
    pen.fillText("factor per step", box.right + 58, box.top - 12);
    pen.restore();
  }

  drawValues(pen, width, height) {
    const { data, inks } = this.ui;
    const box = { ...inBox(width, height), top: 26 };
    const y = { low: -1.5, high: 1.5, label: "value, from 1 at rest" };
    const to = axes(pen, box, { low: 0, high: data.steps, label: "step" }, y, inks);
    clipTo(pen, box);
    stroke(pen, [[box.left, to.y(0)], [box.right, to.y(0)]], { dashes: [] }, { color: inks.quiet, width: 1.3 });
    const steps = Array.from({ length: data.steps + 1 }, (_, k) => k);
    const path = (beta) => this.path(beta, steps, to);
    const factor = data.factors[this.beta.index][this.rate.index];
    const alone = (sign) => steps.map((k) => [to.x(k), to.y(sign * factor ** k)]);
    const [ours, plain, bound] = data.lines;
    if (this.boxes[2].checked) for (const sign of [-1, 1]) stroke(pen, alone(sign), bound, { width: 1.5 });
    if (this.boxes[1].checked) stroke(pen, path(0), plain, { width: 2 });
    if (this.boxes[0].checked) {
      stroke(pen, path(this.beta.index), ours);
      for (const [px, py] of path(this.beta.index)) {
        pen.beginPath();
        pen.arc(px, py, 3, 0, 2 * Math.PI);
        mark(pen, ours.color, inks.page, 1);
      }
    }
    pen.restore();
  }

  // The values in pixels, up to the first that is too far away for its code to tell.
  path(beta, steps, to) {
    const { data } = this.ui;
    const first = (beta * data.rates.length + this.rate.index) * (data.steps + 1);
    const shown = Array.from(this.values.subarray(first, first + steps.length));
    const lost = shown.findIndex((code) => code === 0 || code >= data.top);
    const known = lost < 0 ? shown : shown.slice(0, lost + 1);
    return known.map((code, k) => [to.x(k), to.y((2 * (code / data.top) - 1) * data.reach)]);
  }

  words() {
    const { said, without, rivals } = this.ui.data;
    const rate = this.rate.index;
    const head = `Rate times curvature ${number(this.rate.value)}, beta ${number(this.beta.value)}: `;
    return head + [said[this.beta.index][rate], without[rate], rivals[rate]].join(" ");
  }
}

const render = movable((ui) => {
  const map = new MomentumMap(ui);
  return { words: () => map.words() };
});
