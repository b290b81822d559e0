// Losses against the margin y·s: a score to move along the curves, and a label that turns it round.

const TALLEST = 5; // the squared loss goes on to 16; the others would be flat if all of it were shown

class Margins {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.canvas = ui.canvas({
      label: "Losses against the margin; the text below gives the value and slope of each at the score.",
      height: (width) => Math.min(Math.max(0.45 * width, 260), 400),
      draw: (pen, w, h) => this.draw(pen, w, h),
    });
    this.canvas.classList.add("ck-draggable");
    this.score = ui.slider({ label: "score s", values: data.scores, index: data.at, text: (score) => fixed(score) });
    this.label = ui.choice("label y", [-1, 1], 1, (label) => (label > 0 ? "+1" : "-1"));
    this.boxes = ui.checks("show", data.lines);
    handle(this.canvas, { active: () => true, at: (x) => this.drag(x), by() {} });
  }

  // The curves stand under the label +1; a score under -1 has the margin of its mirror image.
  place() {
    return this.label.value > 0 ? this.score.index : this.ui.data.scores.length - 1 - this.score.index;
  }

  drag(px) {
    const { scores } = this.ui.data;
    const margin = scores[0] + ((px - this.box.left) / (this.box.right - this.box.left)) * (scores.at(-1) - scores[0]);
    const share = (this.label.value * margin - scores[0]) / (scores.at(-1) - scores[0]);
    this.score.move(Math.round(Math.min(Math.max(share, 0), 1) * (scores.length - 1)));
  }

  draw(pen, width, height) {
    const { data, inks } = this.ui;
    const { scores } = data;
    this.box = inBox(width, height);
    const x = { low: scores[0], high: scores.at(-1), label: "margin y·s" };
    const to = axes(pen, this.box, x, { low: -0.1, high: TALLEST, label: "loss" }, inks);
    const place = this.place();
    clipTo(pen, this.box);
    const here = to.x(scores[place]);
    stroke(pen, [[here, this.box.top], [here, this.box.bottom]], { dashes: [] }, { color: inks.quiet, width: 1.5 });
    const shown = data.lines.filter((_, l) => this.boxes[l].checked);
    for (const line of shown) stroke(pen, this.pixels(line, to), line);
    for (const line of shown) {
      pen.beginPath();
      pen.arc(here, to.y(line.values[place]), 5, 0, 2 * Math.PI);
      mark(pen, line.color, inks.page, 1.6);
    }
    pen.restore();
  }

  pixels(line, to) {
    const { scores } = this.ui.data;
    return line.values.flatMap((value, i) => {
      const point = [to.x(scores[i]), to.y(value)];
      const jump = i && Math.abs(value - line.values[i - 1]) === 1; // the 0-1 loss: down, not on a slant
      return jump ? [[to.x(scores[i - 1]), to.y(value)], point] : [point];
    });
  }

  words() {
    const { data } = this.ui;
    const place = this.place();
    const ends = data.lines.filter((_, l) => this.boxes[l].checked).map((line) => `${line.name} ${line.said[place]}`);
    const label = this.label.value > 0 ? "+1" : "-1";
    const head = `Score ${fixed(this.score.value)} with label ${label}: margin ${fixed(data.scores[place])}. `;
    return `${head}${ends.join("; ") || "no loss is shown"}.`;
  }
}

const render = movable((ui) => {
  const margins = new Margins(ui);
  return { words: () => margins.words() };
});
