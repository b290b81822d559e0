// The input of a unit under dropout, in training and at test: its distribution, and mean and spread against p.

class DropoutStatistics {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    const tall = (w) => (ui.narrow ? 0.66 : 0.64) * w;
    const counts = ui.canvas({
      label: "Distribution of the unit's input in training and at test; the text below gives means and deviations.",
      height: tall,
      draw: (pen, w, h) => this.drawCounts(pen, w, h),
    });
    const means = ui.canvas({
      label: "Mean of the unit's input against p, in training and at test, with one standard deviation around it.",
      height: (w) => (ui.narrow ? 0.62 * w : tall(counts.clientWidth)),
      draw: (pen, w, h) => this.drawMeans(pen, w, h),
    });
    means.classList.add("ck-draggable");
    this.rate = ui.slider({ label: "p", values: data.rates, index: data.at[1], text: (p) => fixed(p) });
    const names = data.ways.map((way) => way.name);
    this.way = ui.choice("scaled by 1/(1 - p) in training, by 1 - p at test", names, names[data.at[0]]);
    this.boxes = ui.checks("show", data.lines);
    handle(means, { active: () => true, at: (x) => this.drag(x), by() {} });
  }

  // The two parts of the chosen way, in training and at test, with their lines: those that are to be shown.
  get shown() {
    const { data } = this.ui;
    const { parts } = data.ways.find((way) => way.name === this.way.value);
    return parts.map((name, l) => ({ line: data.lines[l], ...data.parts[name] })).filter((_, l) => this.boxes[l].checked);
  }

  drag(px) {
    const last = this.ui.data.rates.length - 1;
    const share = (px - this.box.left) / (this.box.right - this.box.left);
    this.rate.move(Math.round(Math.min(Math.max(share, 0), 1) * last));
  }

  drawCounts(pen, width, height) {
    const { data, inks } = this.ui;
    const box = { ...inBox(width, height), top: 26 };
    const [low, high] = data.range;
    const i = this.rate.index;
    const tallest = Math.max(...this.shown.flatMap((part) => part.shares[i]), 0.01);
    const x = { low, high, label: `input of the unit for ${data.digit}` };
    const to = axes(pen, box, x, { low: 0, high: 1.1 * tallest, label: "share of the draws" }, inks);
    key(pen, box, [["mean", (px, py) => this.pointer(pen, px, py + 5, inks.ink)]], inks);
    clipTo(pen, { ...box, top: 0 });
    for (const { line, shares, mean } of this.shown) {
      const wide = (high - low) / shares[i].length;
      const steps = shares[i].flatMap((share, b) => [0, 1].map((end) => [to.x(low + (b + end) * wide), to.y(share)]));
      const outline = [[to.x(low), to.y(0)], ...steps, [to.x(high), to.y(0)]];
      this.fill(pen, outline, line.color);
      stroke(pen, outline, line, { width: 1.8 });
      stroke(pen, [[to.x(mean[i]), box.top], [to.x(mean[i]), box.bottom]], line, { width: 1.6 });
      this.pointer(pen, to.x(mean[i]), box.top, line.color);
    }
    pen.restore();
  }

  fill(pen, outline, color) {
    pen.beginPath();
    for (const point of outline) pen.lineTo(...point);
    pen.save();
    pen.globalAlpha = 0.2;
    pen.fillStyle = color;
    pen.fill();
    pen.restore();
  }

  // A small triangle that stands on its tip.
  pointer(pen, x, y, color) {
    pen.beginPath();
    for (const [dx, dy] of [[0, 0], [5, -9], [-5, -9]]) pen.lineTo(x + dx, y + dy);
    pen.closePath();
    pen.fillStyle = color;
    pen.fill();
  }

  drawMeans(pen, width, height) {
    const { data, inks } = this.ui;
    const box = (this.box = { ...inBox(width, height), top: 26 });
    const ends = (sign) => Object.values(data.parts).flatMap(({ mean, sd }) => mean.map((m, i) => m + sign * sd[i]));
    const y = { low: Math.min(...ends(-1)), high: Math.max(...ends(1)), label: "mean ± one standard deviation" };
    const x = { low: 0, high: data.rates.at(-1), label: "probability p of dropping", ticks: [0, 0.2, 0.4, 0.6, 0.8] };
    const to = axes(pen, box, x, y, inks);
    clipTo(pen, box);
    const here = to.x(this.rate.value);
    stroke(pen, [[here, box.top], [here, box.bottom]], { dashes: [] }, { color: inks.quiet, width: 1.5 });
    for (const { line, mean, sd } of this.shown) {
      const edge = (sign) => mean.map((m, i) => [to.x(data.rates[i]), to.y(m + sign * sd[i])]);
      this.fill(pen, [...edge(1), ...edge(-1).reverse()], line.color);
    }
    for (const { line, mean } of this.shown) {
      stroke(pen, mean.map((m, i) => [to.x(data.rates[i]), to.y(m)]), line);
      pen.beginPath();
      pen.arc(here, to.y(mean[this.rate.index]), 5, 0, 2 * Math.PI);
      mark(pen, line.color, inks.page, 1.6);
    }
    pen.restore();
  }

  words() {
    const { captions, ways } = this.ui.data;
    return captions[ways.findIndex((way) => way.name === this.way.value)][this.rate.index];
  }
}

const render = movable((ui) => {
  const statistics = new DropoutStatistics(ui);
  return { words: () => statistics.words() };
});
