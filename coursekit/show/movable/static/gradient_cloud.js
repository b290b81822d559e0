// Gradients of mini-batches as points around the gradient of all rows, and their spread against the batch size.

const ROUND = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50]; // for an axis of a decade or two

class GradientCloud {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.points = codes(data.cloud);
    const cloud = ui.canvas({
      label: "Gradients of mini-batches as points around that of all rows; the text below says how far they spread.",
      height: (w) => (ui.narrow ? 0.85 : 0.78) * w,
      draw: (pen, w, h) => this.drawCloud(pen, w, h),
    });
    const spread = ui.canvas({
      label: "Spread of the gradients against the batch size; the text below gives it for the size that is chosen.",
      height: (w) => (ui.narrow ? 0.62 * w : 0.78 * cloud.clientWidth),
      draw: (pen, w, h) => this.drawSpread(pen, w, h),
    });
    spread.classList.add("ck-draggable");
    this.size = ui.slider({ label: "batch size", values: data.sizes, index: data.at[1], text: String });
    const percent = (share) => `${Math.round(100 * share)} %`;
    this.way = ui.slider({ label: "way down", values: data.way, index: data.at[0], text: percent });
    this.view = ui.choice("axes of the cloud", ["the same for all sizes", "close up"], "the same for all sizes");
    this.boxes = ui.checks("show beside it", data.lines);
    handle(spread, { active: () => true, at: (x) => this.drag(x), by() {} });
  }

  get place() {
    return this.ui.data.places[this.way.index];
  }

  drag(px) {
    const share = (px - this.box.left) / (this.box.right - this.box.left);
    const last = this.ui.data.sizes.length - 1;
    this.size.move(Math.round(Math.min(Math.max(share * (last + 0.6) - 0.3, 0), last)));
  }

  // What of the plane is shown: around 0 and wide enough for nearly all single rows, or around the cloud itself.
  frame(box) {
    const { data } = this.ui;
    const close = this.view.value === "close up";
    const [cx, cy] = close ? this.place.full : [0, 0];
    const half = close ? Math.max(3 * this.place.spread[this.size.index], 0.05) : data.reach;
    const wide = (half * (box.right - box.left)) / (box.bottom - box.top);
    return [{ low: cx - wide, high: cx + wide }, { low: cy - half, high: cy + half }];
  }

  drawCloud(pen, width, height) {
    const { data, inks } = this.ui;
    const box = { ...inBox(width, height), top: 26 };
    const [x, y] = this.frame(box);
    const [first, second] = data.features;
    x.label = `gradient in the weight of ${first}`;
    y.label = `gradient in the weight of ${second}`;
    const to = axes(pen, box, x, y, inks);
    const [down, up] = [data.lines[0].color, data.lines[1].color];
    const dot = (px, py) => {
      pen.beginPath();
      pen.arc(px, py, 2.4, 0, 2 * Math.PI);
      pen.fillStyle = down;
      pen.fill();
    };
    const full = this.place.full;
    key(pen, box, [
      ["batch that leads down", dot],
      ["leads up", (px, py) => cross(pen, px, py, 3.2, up)],
      ["all rows", (px, py) => arrow(pen, [px - 10, py], [px + 9, py], inks.ink, inks.page)],
    ], inks);
    clipTo(pen, box);
    if (this.place.length) this.shade(pen, box, to, full);
    const n = data.batches;
    const start = (this.way.index * data.sizes.length + this.size.index) * n;
    this.outside = 0;
    pen.globalAlpha = 0.75;
    for (let i = n - 1; i >= 0; i--) {
      const [gx, gy] = [0, 1].map((a) => ((2 * this.points[2 * (start + i) + a]) / data.top - 1) * data.span);
      if (gx < x.low || gx > x.high || gy < y.low || gy > y.high) this.outside++;
      else if (i < this.place.uphill[this.size.index]) cross(pen, to.x(gx), to.y(gy), 3.2, up);
      else dot(to.x(gx), to.y(gy));
    }
    pen.globalAlpha = 1;
    arrow(pen, [to.x(0), to.y(0)], full.map((g, a) => (a ? to.y(g) : to.x(g))), inks.ink, inks.page);
    pen.beginPath();
    pen.arc(to.x(0), to.y(0), 4, 0, 2 * Math.PI);
    mark(pen, inks.ink, inks.page, 1.4);
    pen.restore();
  }

  // The half of the plane whose gradients lead uphill: those that point away from the gradient of all rows.
  shade(pen, box, to, full) {
    const far = 2 * Math.hypot(box.right - box.left, box.bottom - box.top);
    const [x, y] = [to.x(0), to.y(0)];
    const length = Math.hypot(...full);
    const [dx, dy] = [full[0] / length, -full[1] / length];
    pen.beginPath();
    for (const [along, away] of [[-1, 0], [1, 0], [1, 1], [-1, 1]]) {
      pen.lineTo(x - far * (along * dy + away * dx), y + far * (along * dx - away * dy));
    }
    pen.closePath();
    pen.save();
    pen.globalAlpha = 0.1;
    pen.fillStyle = this.ui.data.lines[1].color;
    pen.fill();
    pen.restore();
  }

  drawSpread(pen, width, height) {
    const { data, inks } = this.ui;
    const box = (this.box = { ...inBox(width, height), top: 26 });
    const few = data.sizes.length - 1; // the spread of all rows is 0, which a log axis cannot show
    const lowest = Math.min(...data.places.map((place) => place.spread[few - 1]));
    const highest = Math.max(...data.places.map((place) => place.root[0]));
    const grow = Math.pow(data.sizes[few], 0.3 / few);
    const x = { low: 1 / grow, high: data.sizes[few] * grow, label: "batch size B", log: true, ticks: data.sizes };
    const y = { low: lowest / 1.5, high: highest * 1.5, label: "spread of the gradient", log: true, ticks: ROUND };
    const to = axes(pen, box, x, y, inks);
    const measured = (px, py, radius = 4) => {
      pen.beginPath();
      pen.arc(px, py, radius, 0, 2 * Math.PI);
      mark(pen, inks.ink, inks.page, 1.4);
    };
    key(pen, box, [["spread measured", measured]], inks);
    clipTo(pen, box);
    const here = to.x(this.size.value);
    stroke(pen, [[here, box.top], [here, box.bottom]], { dashes: [] }, { color: inks.quiet, width: 1.5 });
    const { place } = this;
    const curves = [place.predicted, place.root, data.sizes.map(() => place.length)];
    curves.forEach((values, l) => {
      const points = values.map((value, i) => [to.x(data.sizes[i]), value ? to.y(value) : box.bottom + 40]);
      if (this.boxes[l].checked) stroke(pen, points, data.lines[l], { width: 2 });
    });
    place.spread.slice(0, few).forEach((value, i) => {
      measured(to.x(data.sizes[i]), to.y(value), i === this.size.index ? 6 : 3.4);
    });
    pen.restore();
  }

  words() {
    const outside = this.outside ? ` ${this.outside} of the points lie outside the picture.` : "";
    return this.ui.data.captions[this.way.index][this.size.index] + outside;
  }
}

const render = movable((ui) => {
  const cloud = new GradientCloud(ui);
  return { words: () => cloud.words() };
});
