// How movable figures draw on a canvas: lines of the house style, axes, marks.

function paintSample(sample, line, inks) {
  const pen = sample.getContext("2d");
  pen.setTransform(2, 0, 0, 2, 0, 0);
  pen.clearRect(0, 0, 44, 12);
  stroke(pen, [[2, 6], [42, 6]], line, { color: line.color || inks.ink });
}

// One line through points, in the colour and dashes of its series; a casing keeps it apart from any background.
function stroke(pen, points, line, { color = line.color, width = 2.4, casing = null } = {}) {
  pen.save();
  pen.lineJoin = "round";
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  if (casing) {
    pen.lineWidth = width + 2.4;
    pen.strokeStyle = casing;
    if (line.own) pen.setLineDash(line.dashes.map((d) => d * width)); // its gaps show the line beneath
    pen.stroke();
  }
  pen.setLineDash(line.dashes.map((d) => d * width));
  pen.lineWidth = width;
  pen.strokeStyle = color;
  pen.stroke();
  pen.restore();
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

function ticks({ low, high, log, ticks: wanted }, count) {
  if (wanted) return wanted.filter((value) => value >= low && value <= high).map((value) => [value, number(value)]);
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const every = Math.max(1, Math.ceil((last - first + 1) / count));
    const powers = [];
    for (let power = first; power <= last; power += every) powers.push(power);
    return powers.map((power) => [10 ** power, "10" + [...String(power)].map((c) => SUPERSCRIPT[c]).join("")]);
  }
  const rough = (high - low) / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const every = size * [1, 2, 5, 10].find((factor) => factor * size >= rough);
  const found = [];
  for (let k = Math.ceil(low / every - 1e-9); k * every <= high + 1e-9 * every; k++) found.push(k * every);
  const places = Math.max(0, -Math.floor(Math.log10(every) + 1e-9));
  return found.map((value) => [value, fixed(value, places).replace("-", "−")]);
}

// The box of the axes in a canvas, with room for their labels.
function inBox(width, height) {
  return { left: 62, right: width - 16, top: 10, bottom: height - 42 };
}

// Axes in `box`, for x and y of the form { low, high, label, log, ticks }, where `ticks` are the values to mark when the
// usual ones do not fit; returns how values become pixels.
function axes(pen, box, x, y, inks, { grid = true } = {}) {
  const place = (axis, from, to) => {
    const squeeze = axis.log ? (v) => Math.log10(Math.max(v, 1e-300)) : (v) => v;
    const [low, high] = [squeeze(axis.low), squeeze(axis.high)];
    return (v) => from + ((squeeze(v) - low) / (high - low)) * (to - from);
  };
  const to = { x: place(x, box.left, box.right), y: place(y, box.bottom, box.top) };
  pen.save();
  pen.font = "12px system-ui, sans-serif";
  pen.lineWidth = 1;
  const line = (color, ...ends) => {
    pen.strokeStyle = color;
    pen.beginPath();
    pen.moveTo(ends[0], ends[1]);
    pen.lineTo(ends[2], ends[3]);
    pen.stroke();
  };
  pen.textAlign = "center";
  pen.textBaseline = "top";
  for (const [value, text] of ticks(x, (box.right - box.left) / 70)) {
    const at = Math.round(to.x(value)) + 0.5;
    if (grid) line(inks.grid, at, box.top, at, box.bottom);
    line(inks.quiet, at, box.bottom, at, box.bottom + 4);
    pen.fillStyle = inks.ink;
    pen.fillText(text, at, box.bottom + 7);
  }
  pen.fillText(x.label, (box.left + box.right) / 2, box.bottom + 23);
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const [value, text] of ticks(y, (box.bottom - box.top) / 45)) {
    const at = Math.round(to.y(value)) + 0.5;
    if (grid) line(inks.grid, box.left, at, box.right, at);
    line(inks.quiet, box.left - 4, at, box.left, at);
    pen.fillText(text, box.left - 7, at);
  }
  pen.translate(box.left - 50, (box.top + box.bottom) / 2);
  pen.rotate(-Math.PI / 2);
  pen.textAlign = "center";
  pen.fillText(y.label, 0, 0);
  pen.restore();
  line(inks.quiet, box.left + 0.5, box.top, box.left + 0.5, box.bottom);
  line(inks.quiet, box.left, box.bottom + 0.5, box.right, box.bottom + 0.5);
  return to;
}

// Keep what is drawn from here to pen.restore() inside the axes.
function clipTo(pen, box) {
  pen.save();
  pen.beginPath();
  pen.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  pen.clip();
}

// Fill and outline the shape that was begun last.
function mark(pen, fill, edge, width) {
  pen.fillStyle = fill;
  pen.strokeStyle = edge;
  pen.lineWidth = width;
  pen.fill();
  pen.stroke();
}

// The outline of a star, for a minimum.
function star(pen, x, y, radius) {
  pen.beginPath();
  for (let k = 0; k < 10; k++) {
    const r = k % 2 ? radius * 0.42 : radius;
    pen.lineTo(x + r * Math.sin((k * Math.PI) / 5), y - r * Math.cos((k * Math.PI) / 5));
  }
  pen.closePath();
}

// An arrow from one point to another, in pixels.
function arrow(pen, [x0, y0], [x1, y1], color, casing) {
  const length = Math.hypot(x1 - x0, y1 - y0);
  if (length < 2) return;
  const [dx, dy] = [(x1 - x0) / length, (y1 - y0) / length];
  const head = Math.min(13, 0.6 * length);
  const neck = [x1 - head * dx, y1 - head * dy];
  const wing = (side) => [neck[0] - 0.5 * side * head * dy, neck[1] + 0.5 * side * head * dx];
  const line = { color, dashes: [] };
  stroke(pen, [[x0, y0], neck], line, { width: 3, casing });
  pen.beginPath();
  for (const point of [[x1, y1], wing(1), wing(-1)]) pen.lineTo(...point);
  pen.closePath();
  mark(pen, color, casing, 1.2);
}

// A small cross, to be told from a dot without its colour.
function cross(pen, x, y, radius, color) {
  pen.strokeStyle = color;
  pen.lineWidth = 1.6;
  pen.beginPath();
  for (const [dx, dy] of [[1, 1], [1, -1]]) {
    pen.moveTo(x - radius * dx, y - radius * dy);
    pen.lineTo(x + radius * dx, y + radius * dy);
  }
  pen.stroke();
}

// What the marks mean, in a row above the box: `paint(x, y)` draws the mark beside each text.
function key(pen, box, entries, inks) {
  pen.save();
  pen.font = "12px system-ui, sans-serif";
  pen.textBaseline = "middle";
  let x = box.left;
  for (const [text, paint] of entries) {
    paint(x + 8, box.top - 12);
    pen.fillStyle = inks.ink;
    pen.fillText(text, x + 20, box.top - 12);
    x += pen.measureText(text).width + 36;
  }
  pen.restore();
}
