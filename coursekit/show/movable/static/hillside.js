// A surface to turn, its gradient at a point, and the slope in a direction: in space, and on the map.

const EVERY = 2; // grid cells to the side of one patch of the surface
const TALL = 0.9; // height of the surface in space, in half widths of its longer side

const STEEPEST = "#D55E00"; // the arrow of the gradient
const CHOSEN = { color: "#000000", dashes: [3, 2] }; // the line of the direction

const rad = (degrees) => (degrees * Math.PI) / 180;

class Hillside {
  constructor(ui) {
    this.ui = ui;
    const { data } = ui;
    this.ground = new Ground(data);
    const bytes = data.places;
    this.places = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    [this.column, this.row] = data.at;
    this.view = { turn: 30, tilt: 40 };
    const [wide, deep] = data.domain.map(([low, high]) => high - low);
    this.half = Math.max(wide, deep) / 2;
    const space = ui.canvas({
      label: "The surface in space. Drag it or use the arrow keys to turn it; the text below says its slopes.",
      height: (w) => 0.82 * w,
      draw: (pen, w, h) => this.drawSpace(pen, w, h),
    });
    const map = ui.canvas({
      label: "The surface from above, with contours. Drag the point or use the arrow keys; the text below says slopes.",
      height: (w) => (ui.narrow ? 0.9 * w : 0.82 * space.clientWidth),
      draw: (pen, w, h) => this.drawMap(pen, w, h),
    });
    for (const canvas of [space, map]) canvas.setAttribute("tabindex", "0");
    this.letTurn(space);
    handle(map, { active: () => true, at: (x, y) => this.drag(x, y), by: (dx, dy) => this.step(dx, dy) });
    const degrees = (angle) => `${angle}°`;
    this.direction = ui.slider({ label: "direction", values: data.directions, index: data.at[2], text: degrees });
    [this.all] = ui.checks("show as well", data.lines);
  }

  letTurn(canvas) {
    let last = null;
    const by = (dx, dy) => {
      this.view.turn = (this.view.turn + dx) % 360;
      this.view.tilt = Math.min(Math.max(this.view.tilt + dy, 5), 90);
      this.ui.redraw();
    };
    canvas.addEventListener("pointerdown", (event) => (last = [event.clientX, event.clientY]));
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      by((event.clientX - last[0]) / 2, (event.clientY - last[1]) / 2);
      last = [event.clientX, event.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
    handle(canvas, { active: () => true, at() {}, by: (dx, dy) => by(5 * dx, 5 * dy) });
  }

  drag(px, py) {
    const { left, right, top, bottom } = this.box;
    this.go(((px - left) / (right - left)) * (this.ui.data.columns - 1),
      ((bottom - py) / (bottom - top)) * (this.ui.data.rows - 1));
  }

  step(dx, dy) {
    this.go(this.column + dx, this.row + dy);
  }

  go(column, row) {
    const { columns, rows } = this.ui.data;
    this.column = Math.min(Math.max(Math.round(column), 0), columns - 1);
    this.row = Math.min(Math.max(Math.round(row), 0), rows - 1);
    this.ui.redraw();
  }

  // Where a place of the grid lies, its height, and its gradient.
  at(column, row) {
    const { data } = this.ui;
    const k = 3 * (row * data.columns + column);
    const share = [column / (data.columns - 1), row / (data.rows - 1)];
    const [x, y] = data.domain.map(([low, high], a) => low + (high - low) * share[a]);
    const [height, dx, dy] = this.places.subarray(k, k + 3);
    return { x, y, height, dx, dy, length: Math.hypot(dx, dy) };
  }

  get turned() {
    const angle = rad(this.direction.value);
    return [Math.cos(angle), Math.sin(angle)];
  }

  // How long the arrow of a gradient is drawn, in units of x and y.
  reach(length) {
    return 0.5 * this.half * Math.min(0.25 + length / this.ui.data.steep, 1);
  }

  drawSpace(pen, width, height) {
    const { data, inks } = this.ui;
    const { turn, tilt } = this.view;
    const [cos, sin, up, down] = [Math.cos(rad(turn)), Math.sin(rad(turn)), Math.cos(rad(tilt)), Math.sin(rad(tilt))];
    const middle = data.domain.map(([low, high]) => (low + high) / 2);
    const scale = 0.29 * width;
    const [low, high] = data.range;
    const to = (x, y, z) => {
      const [a, b] = [(x - middle[0]) / this.half, (y - middle[1]) / this.half];
      const rise = TALL * ((z - low) / (high - low || 1) - 0.5);
      return [width / 2 + scale * (a * cos - b * sin), height / 2 - scale * ((a * sin + b * cos) * down + rise * up)];
    };
    this.drawFloor(pen, to, low, inks);
    this.drawPatches(pen, to, sin, cos);
    const here = this.at(this.column, this.row);
    const along = ([ux, uy], s) => to(here.x + s * ux, here.y + s * uy, here.height + s * (here.dx * ux + here.dy * uy));
    const span = 0.4 * this.half;
    stroke(pen, [along(this.turned, -span), along(this.turned, span)], CHOSEN, { casing: "#ffffff" });
    if (here.length) {
      const steepest = [here.dx / here.length, here.dy / here.length];
      arrow(pen, along(steepest, 0), along(steepest, this.reach(here.length)), STEEPEST, "#ffffff");
    }
    this.dot(pen, along([0, 0], 0));
  }

  drawFloor(pen, to, low, inks) {
    const [[x0, x1], [y0, y1]] = this.ui.data.domain;
    const floor = [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]].map(([x, y]) => to(x, y, low));
    stroke(pen, floor, { dashes: [] }, { color: inks.quiet, width: 1 });
    pen.font = "12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = inks.ink;
    const beyond = 0.14 * this.half;
    for (const [text, x, y] of [
      [`x = ${number(x1)}`, x1 + beyond, y0],
      [`y = ${number(y1)}`, x0, y1 + beyond],
    ]) pen.fillText(text, ...to(x, y, low));
  }

  // The patches from the farthest to the nearest, each with its pieces of the contours: what is nearer covers them.
  drawPatches(pen, to, sin, cos) {
    const { columns, rows } = this.ui.data;
    const order = (n, backwards) => {
      const found = [];
      for (let k = 0; k + EVERY < n; k += EVERY) found.push(k);
      return backwards ? found.reverse() : found;
    };
    pen.lineJoin = "round";
    for (const row of order(rows, cos > 0)) {
      for (const column of order(columns, sin > 0)) {
        const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([a, b]) => this.at(column + a * EVERY, row + b * EVERY));
        this.drawPatch(pen, corners.map(({ height }) => height), corners.map(({ x, y, height }) => to(x, y, height)));
      }
    }
  }

  drawPatch(pen, heights, points) {
    const { range: [low, high], levels } = this.ui.data;
    const share = heights.map((height) => (height - low) / (high - low || 1));
    const color = this.color((share[0] + share[1] + share[2] + share[3]) / 4);
    pen.beginPath();
    for (const point of points) pen.lineTo(...point);
    pen.closePath();
    mark(pen, color, color, 0.8);
    pen.strokeStyle = "rgba(0, 0, 0, 0.55)";
    pen.lineWidth = 0.9;
    for (const level of levels) {
      const met = [];
      for (let k = 0; k < 4; k++) {
        const [a, b] = [share[k], share[(k + 1) % 4]];
        if (a < level === b < level) continue;
        const [p, q] = [points[k], points[(k + 1) % 4]];
        met.push([0, 1].map((i) => p[i] + ((level - a) / (b - a)) * (q[i] - p[i])));
      }
      if (met.length < 2) continue;
      pen.beginPath();
      met.forEach((point, k) => (k % 2 ? pen.lineTo(...point) : pen.moveTo(...point)));
      pen.stroke();
    }
  }

  color(share) {
    const { colors } = this.ui.data;
    const place = share * (colors.length - 1);
    const below = Math.min(Math.floor(place), colors.length - 2);
    const part = (i) => {
      const [a, b] = [colors[below], colors[below + 1]].map((color) => parseInt(color.slice(i, i + 2), 16));
      return Math.round(a + (place - below) * (b - a));
    };
    return `rgb(${part(1)}, ${part(3)}, ${part(5)})`;
  }

  drawMap(pen, width, height) {
    const { data, inks } = this.ui;
    const [wide, deep] = data.domain.map(([low, high]) => high - low);
    const room = { ...inBox(width, height), top: 26 };
    const unit = Math.min((room.right - room.left) / wide, (room.bottom - room.top) / deep); // a right angle looks like one
    const box = (this.box = { ...room, right: room.left + unit * wide, bottom: room.top + unit * deep });
    const [x, y] = data.domain.map(([low, high], a) => ({ low, high, label: "xy"[a] }));
    this.ground.paint(pen, box, window.devicePixelRatio || 1);
    const to = axes(pen, box, x, y, inks, { grid: false });
    key(pen, box, [
      ["gradient", (px, py) => arrow(pen, [px - 10, py], [px + 10, py], STEEPEST, "#ffffff")],
      ["direction", (px, py) => stroke(pen, [[px - 9, py], [px + 10, py]], CHOSEN, { casing: "#ffffff" })],
    ], inks);
    clipTo(pen, box);
    if (this.all.checked) this.drawAll(pen, to);
    const here = this.at(this.column, this.row);
    const [ux, uy] = this.turned;
    const span = 0.4 * this.half;
    const ends = [-span, span].map((s) => [to.x(here.x + s * ux), to.y(here.y + s * uy)]);
    stroke(pen, ends, CHOSEN, { casing: "#ffffff" });
    this.arrow(pen, to, here, this.reach(here.length), STEEPEST);
    this.dot(pen, [to.x(here.x), to.y(here.y)]);
    pen.restore();
  }

  drawAll(pen, to) {
    const { columns, rows, lines } = this.ui.data;
    for (let row = 8; row < rows; row += 16) {
      for (let column = 8; column < columns; column += 16) {
        const place = this.at(column, row);
        this.arrow(pen, to, place, this.reach(place.length) / 2.5, lines[0].color);
      }
    }
  }

  arrow(pen, to, { x, y, dx, dy, length }, reach, color) {
    if (!length) return;
    const tip = [to.x(x + (reach * dx) / length), to.y(y + (reach * dy) / length)];
    arrow(pen, [to.x(x), to.y(y)], tip, color, "#ffffff");
  }

  dot(pen, [x, y]) {
    pen.beginPath();
    pen.arc(x, y, 5.5, 0, 2 * Math.PI);
    mark(pen, "#000000", "#ffffff", 2);
  }

  words() {
    const { x, y, height, dx, dy, length } = this.at(this.column, this.row);
    const point = `At (${fixed(x)}, ${fixed(y)}): height ${number(height)}`;
    if (!length) return `${point}. The gradient is 0, and so is the slope in every direction.`;
    const chosen = this.direction.value;
    const heading = ((Math.atan2(dy, dx) * 180) / Math.PI + 360) % 360;
    const apart = Math.abs(((chosen - heading + 540) % 360) - 180);
    const slope = length * Math.cos(rad(apart));
    return `${point}, gradient (${number(dx)}, ${number(dy)}) of length ${number(length)}, pointing at ` +
      `${fixed(heading, 0)}°. In the direction of ${chosen}° the slope is ${number(slope)}: ${number(length)} times ` +
      `the cosine of ${fixed(apart, 0)}°, the angle to the gradient.`;
  }
}

const render = movable((ui) => {
  const hillside = new Hillside(ui);
  return { words: () => hillside.words() };
});
