// A schedule put together from a warm-up, a hold and a decay: its curve, and the line of Python that gives it.

class ScheduleComposer {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    const { buffer, byteOffset, byteLength } = data.rates; // may start at an odd place
    this.rates = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    ui.canvas({
      label: "Learning rate against the step; the text below gives its peak, mean and end, and the line of Python.",
      height: (width) => Math.min(Math.max(0.42 * width, 260), 400),
      draw: (pen, w, h) => this.draw(pen, w, h),
    });
    const names = data.kinds.map((kind) => kind.name);
    this.decay = ui.choice("decay", names, names[data.at.kind]);
    const slider = (name, values, index = data.at[name]) => ui.slider({ label: name, values, index });
    this.warmup = slider("warm-up", data.warmups, data.at.warmup);
    this.hold = slider("hold", data.holds);
    this.total = slider("total", data.totals);
    this.floor = slider("floor", data.floors);
    this.knobs = data.kinds.map(({ knob, strengths }) => knob && slider(knob, strengths, strengths.length >> 1));
    this.axis = ui.choice("axis of the rate", ["linear", "logarithmic"], "linear");
  }

  get kind() {
    return this.ui.data.kinds.find((kind) => kind.name === this.decay.value);
  }

  get knob() {
    return this.knobs[this.ui.data.kinds.indexOf(this.kind)];
  }

  // The steps of the warm-up, of the hold and in all; a kind that stands alone has neither of the first two.
  spans() {
    const total = this.total.value;
    return this.kind.alone ? [0, 0, total] : [this.warmup.value, this.hold.value, total];
  }

  // Only what does something is shown.
  tidy() {
    for (const { row } of [this.warmup, this.hold]) row.style.display = this.kind.alone ? "none" : "";
    for (const knob of this.knobs) if (knob) knob.row.style.display = knob === this.knob ? "" : "none";
    this.floor.row.style.display = this.kind.name === "constant" || this.kind.alone ? "none" : "";
  }

  // The rates of all steps: the same as composed() of schedule_composer.py.
  composed() {
    const { data } = this.ui;
    const [warmup, hold, total] = this.spans();
    const rest = total - warmup - hold;
    const length = ["cosine", "one-cycle"].includes(this.kind.name) ? rest : data.longest;
    const place = data.places[`${this.kind.name} ${this.knob?.index ?? 0} ${this.floor.index} ${length}`];
    const held = Array.from({ length: hold }, () => data.lr);
    return [...data.ramps[data.warmups.indexOf(warmup)], ...held, ...this.rates.slice(place, place + rest)];
  }

  draw(pen, width, height) {
    const { data, inks } = this.ui;
    this.tidy();
    const rates = this.composed();
    const log = this.axis.value === "logarithmic";
    const box = { ...inBox(width, height), top: 26 };
    const y = { low: log ? data.lr * 1e-4 : 0, high: data.lr * (log ? 1.5 : 1.06), label: "learning rate", log };
    const to = axes(pen, box, { low: 0, high: data.totals.at(-1), label: "step" }, y, inks);
    this.phases(pen, box, to);
    clipTo(pen, box);
    const mean = to.y(rates.reduce((sum, rate) => sum + rate, 0) / rates.length);
    const across = [[to.x(0), mean], [to.x(rates.length - 1), mean]];
    stroke(pen, across, { dashes: [5, 3] }, { color: inks.quiet, width: 1.4 });
    pen.fillStyle = inks.ink;
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "right";
    pen.textBaseline = "bottom";
    pen.fillText("mean", to.x(rates.length - 1) - 4, mean - 3);
    stroke(pen, rates.map((rate, t) => [to.x(t), to.y(rate)]), data.line);
    pen.beginPath();
    pen.arc(to.x(rates.length - 1), to.y(rates.at(-1)), 4.5, 0, 2 * Math.PI);
    mark(pen, data.line.color, inks.page, 1.6);
    pen.restore();
  }

  // Where warm-up, hold and decay begin and end, with their names above where there is room.
  phases(pen, box, to) {
    const { inks } = this.ui;
    const [warmup, hold, total] = this.spans();
    const ends = [0, warmup, warmup + hold, total];
    pen.save();
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    ["warm-up", "hold", this.kind.name].forEach((name, i) => {
      const [from, until] = [to.x(ends[i]), to.x(ends[i + 1])];
      if (ends[i + 1] > ends[i]) {
        stroke(pen, [[until, box.top - 6], [until, box.bottom]], { dashes: [2, 2] }, { color: inks.quiet, width: 1.2 });
      }
      pen.fillStyle = inks.ink;
      if (until - from > pen.measureText(name).width + 4) pen.fillText(name, (from + until) / 2, box.top - 14);
    });
    pen.restore();
  }

  // What fills the places in words and calls.
  fill(text) {
    const [warmup, hold, total] = this.spans();
    const start = warmup + hold;
    const says = {
      warmup,
      total,
      length: total - start,
      at: start ? `max(t - ${start}, 0)` : "t",
      strength: number(this.knob?.value ?? 0),
      floor: number(this.floor.value),
    };
    return text.replace(/\{(\w+)\}/g, (_, name) => says[name]);
  }

  // The line of Python: the same as call() of schedule_composer.py.
  call() {
    const [[warmup, hold], floor] = [this.spans(), this.floor.value];
    if (this.kind.whole && warmup && !hold && !floor) return this.fill(this.kind.whole);
    const plain = this.fill(this.kind.call);
    const line = this.kind.floored && floor ? `max(${number(floor)}, ${plain})` : plain;
    return warmup ? `min(1, (t + 1) / ${warmup}) * ${line}` : line;
  }

  words() {
    const { data } = this.ui;
    const [[warmup, hold], floor, { alone }] = [this.spans(), this.floor.value, this.kind];
    const parts = alone ? [] : [warmup ? `Warm-up of ${warmup} steps` : "No warm-up"];
    if (hold) parts.push(`${hold} steps at the peak`);
    parts.push(this.fill(this.kind.said));
    if (this.kind.floored && floor) parts.push(`not below ${number(floor)}`);
    const rates = this.composed();
    const mean = number(rates.reduce((sum, rate) => sum + rate, 0) / rates.length);
    const top = alone ? rates.indexOf(Math.max(...rates)) : Math.max(warmup - 1, 0);
    const peak = `the rate reaches its peak of ${number(data.lr)} at step ${top}`;
    const end = `averages ${mean} over ${rates.length} steps, and is ${number(rates.at(-1))} at the last step`;
    return `${parts.join(", ")}: ${peak}, ${end}.\nIn Python: rate = ${this.call()}`;
  }
}

const render = movable((ui) => {
  const composer = new ScheduleComposer(ui);
  return { words: () => composer.words() };
});
