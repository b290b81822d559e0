// Gradients of three coordinates, the effective rate that a rule gives each of them, and how far each has come.

class EffectiveRates {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.table = codes(data.table);
    const panel = (label, height, draw) => {
      const canvas = ui.canvas({ label: `${label} The text below gives the numbers.`, height, draw });
      canvas.classList.add("ck-draggable");
      handle(canvas, { active: () => true, at: (x) => this.drag(x, canvas.clientWidth), by() {} });
      return canvas;
    };
    const strip = panel("Gradients against the step.", () => 170, (...all) => this.drawGradients(...all));
    strip.style.gridColumn = "1 / -1";
    const tall = (w) => (ui.narrow ? 0.62 : 0.58) * w;
    const rates = panel("Effective rates against the step.", tall, (...all) => this.drawRates(...all));
    const beside = (w) => (ui.narrow ? tall(w) : tall(rates.clientWidth));
    panel("How far each coordinate has come against the step.", beside, (...all) => this.drawWay(...all));
    this.rule = ui.choice("rule", data.rules, data.rules[data.at[0]], (rule) => rule.name);
    this.ratio = ui.slider({ label: "first gradients", values: data.ratios, index: data.at[1] });
    this.beta = ui.slider({ label: "beta", values: data.betas, index: data.at[2] });
    const counts = Array.from({ length: data.steps }, (_, k) => k + 1);
    this.step = ui.slider({ label: "step", values: counts, index: data.at[3], text: String });
    this.boxes = ui.checks("show", data.lines);
  }

  drag(px, width) {
    const { left, right } = inBox(width, 0);
    const share = Math.min(Math.max((px - left) / (right - left), 0), 1);
    this.step.move(Math.round(share * (this.ui.data.steps - 1)));
  }

  // One of the two tables, 0 for the rates and 1 for the way, at the sliders' place.
  value(which, line, step) {
    const { rules, ratios, betas, lines, steps } = this.ui.data;
    let i = rules.indexOf(this.rule.value) * 2 + which;
    i = (i * ratios.length + this.ratio.index) * betas.length + this.beta.index;
    return power(this.table[(i * lines.length + line) * steps + step], this.ui.data);
  }

  // Axes over the steps, and the step that is chosen.
  begin(pen, width, height, y) {
    const { data, inks } = this.ui;
    const box = inBox(width, height);
    const to = axes(pen, box, { low: 1, high: data.steps, label: "step" }, { ...y, log: true }, inks);
    clipTo(pen, box);
    const here = to.x(this.step.value);
    stroke(pen, [[here, box.top], [here, box.bottom]], { dashes: [] }, { color: inks.quiet, width: 1.5 });
    return { box, to };
  }

  drawGradients(pen, width, height) {
    const { data } = this.ui;
    const high = 2.5 * data.ratios.at(-1);
    const { box, to } = this.begin(pen, width, height, { low: 0.02, high, label: "gradient" });
    const gradients = data.gradients[this.ratio.index];
    this.each((line, l) => {
      const points = gradients[l].map((value, k) => [to.x(k + 1), value ? to.y(value) : box.bottom + 9]);
      if (gradients[l].every(Boolean)) return stroke(pen, points, line);
      for (const [x, y] of points) stroke(pen, [[x, box.bottom], [x, y]], { ...line, dashes: [] });
    });
    pen.restore();
  }

  drawRates(pen, width, height) {
    const { lr } = this.ui.data;
    this.beta.row.querySelector("input").disabled = !this.rule.value.forgets;
    this.curves(0, pen, width, height, { low: 1e-4 * lr, high: 100 * lr, label: "effective rate" });
  }

  drawWay(pen, width, height) {
    const { lr } = this.ui.data;
    this.curves(1, pen, width, height, { low: 0.5 * lr, high: 1e5 * lr, label: "distance so far" });
  }

  curves(which, pen, width, height, y) {
    const { box, to } = this.begin(pen, width, height, y);
    const { steps } = this.ui.data;
    const at = (l, k) => [to.x(k + 1), to.y(this.value(which, l, k))];
    this.each((line, l) => stroke(pen, Array.from({ length: steps }, (_, k) => at(l, k)), line));
    pen.restore();
    clipTo(pen, { ...box, right: box.right + 6 }); // the dots of the last step are whole
    this.each((line, l) => {
      pen.beginPath();
      pen.arc(...at(l, this.step.index), 4.5, 0, 2 * Math.PI);
      mark(pen, line.color, this.ui.inks.page, 1.6);
    });
    pen.restore();
  }

  each(draw) {
    this.ui.data.lines.forEach((line, l) => this.boxes[l].checked && draw(line, l));
  }

  words() {
    const { rule, step } = this;
    const head = rule.value.name + (rule.value.forgets ? `, ${rule.value.forgets} ${number(this.beta.value)}` : "");
    const [said, places] = [[], []];
    this.each(({ name }, l) => {
      const [rate, place] = [0, 1].map((which) => this.value(which, l, step.index));
      said.push(`rate ${number(rate)} and distance ${number(place)} for ${name}`);
      places.push(place);
    });
    const times = number(Math.max(...places) / Math.min(...places), 2);
    const far = places.length > 1 ? ` The farthest has come ${times} times as far as the nearest.` : "";
    const which = `first gradients ${this.ratio.value} against 1, ${step.value} step${step.index ? "s" : ""}`;
    return `${head}, ${which}: ${said.join("; ") || "no coordinate is shown"}.${far}`;
  }
}

const render = movable((ui) => {
  const rates = new EffectiveRates(ui);
  return { words: () => rates.words() };
});
