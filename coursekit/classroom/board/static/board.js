// The instructor's page: the class as a table, who is stuck and for how long, the mistakes of the moment.

import { Bars, Chosen, byId, listen, make, named, showMistakes, theme } from "./stream.js";

const AWAY = 1800; // seconds without a try: gone on to something else
const SIGNS = { passed: "✓", convention: "≈", wrong: "✗", timeout: "…", refused: "⊘", internal: "?" };
const WORDS = {
  passed: "passed",
  convention: "another convention",
  wrong: "not yet",
  error: "stopped with an error",
  timeout: "still running when the time was up",
  memory: "asked for too much memory",
  crashed: "the process ended",
  refused: "to be written by hand",
  internal: "the course's own mistake",
};
const [PASSED, DONE] = [(cell) => cell?.status === "passed", (cell) => ["passed", "convention"].includes(cell?.status)];

let items = [];
let stuckAfter = 180;
let clock = 0; // the board's time minus this machine's
const learners = new Map(); // id: {name, cells: Map of item to cell, row, places: Map of item to td}

const grid = byId("grid");
const bars = new Bars(byId("bars"));
const chosen = new Chosen(lay);
byId("order").addEventListener("change", sort);
theme(byId("theme"));

const now = () => Date.now() / 1000 + clock;

const tries = (cell) => (cell.tries === 1 ? "1 try" : `${cell.tries} tries`);
const minutes = (seconds) => Math.floor(seconds / 60);

// ---- what arrives

function whole(data) {
  ({ items, stuck_after: stuckAfter } = data);
  learners.clear();
  bars.counts = items.map(() => [0, 0, 0]);
  byId("join").textContent = data.join;
  byId("stuck-after").textContent = minutes(stuckAfter);
  take(data);
  chosen.whole(items, data.bars);
  lay();
}

function change(data) {
  if (!data.cells) return; // a beat
  const changed = take(data);
  let more = data.names.length > 0 || "left" in data;
  for (const [item] of data.bars) more = chosen.touch(item) || more;
  if (more) {
    lay();
    return;
  }
  for (const [learner, item] of changed) draw(learners.get(learner), item);
  bars.update(learners.size);
}

function take(data) {
  clock = data.time - Date.now() / 1000;
  for (const [id, name] of data.names) {
    if (!learners.has(id)) learners.set(id, { id, name, cells: new Map(), places: new Map() });
  }
  for (const id of data.left ?? []) learners.delete(id);
  for (const [learner, item, status, count, since, last] of data.cells) {
    learners.get(learner)?.cells.set(item, { status, tries: count, since, last });
  }
  for (const [item, ...counts] of data.bars) bars.counts[item] = counts;
  if (data.mistakes) showMistakes(byId("mistakes"), byId("no-mistakes"), data.mistakes, items, true);
  return data.cells;
}

// ---- the table

function lay() {
  const shown = chosen.shown();
  bars.lay(items, shown);
  bars.update(learners.size);
  byId("joined").textContent = `${learners.size} joined`;
  byId("nobody").hidden = learners.size > 0;
  const head = make("tr");
  head.append(scope(make("th", "pseudonym"), "col"));
  for (const i of shown) {
    const cell = scope(named(items[i], "th"), "col");
    cell.title = `${items[i].chapter}${items[i].section ? `, ${items[i].section}` : ""}`;
    head.append(cell);
  }
  grid.tHead.replaceChildren(head);
  for (const learner of learners.values()) layRow(learner, shown);
  sort();
  stuck();
}

function layRow(learner, shown) {
  const name = scope(make("th"), "row");
  name.append(make("bdi", learner.name));
  learner.row = make("tr");
  learner.row.append(name);
  learner.places = new Map(shown.map((i) => [i, make("td")]));
  learner.row.append(...learner.places.values());
  for (const i of shown) draw(learner, i);
}

function scope(cell, value) {
  cell.scope = value;
  return cell;
}

function draw(learner, item) {
  const place = learner?.places.get(item);
  const cell = learner?.cells.get(item);
  if (!place || !cell) return;
  const kind = DONE(cell) ? cell.status : isStuck(learner, item) ? "stuck" : "tried";
  place.className = `cell ${kind}`;
  place.textContent = `${SIGNS[cell.status] ?? "!"} ${cell.tries}`;
  place.title = `${learner.name}, ${items[item].name}: ${WORDS[cell.status] ?? cell.status}, ${tries(cell)}`;
}

function sort() {
  const passed = (learner) => [...learner.cells.values()].filter(PASSED).length;
  const compare = {
    name: (a, b) => a.name.localeCompare(b.name),
    stuck: (a, b) => stuckSince(a) - stuckSince(b) || a.name.localeCompare(b.name),
    most: (a, b) => passed(b) - passed(a) || a.name.localeCompare(b.name),
    least: (a, b) => passed(a) - passed(b) || a.name.localeCompare(b.name),
  }[byId("order").value];
  grid.tBodies[0].replaceChildren(...[...learners.values()].sort(compare).map((learner) => learner.row));
}

// ---- who is stuck: at the exercise tried last, without success since a while, and still at it

function stuckAt(learner) {
  let found;
  for (const [item, cell] of learner.cells) {
    if (!found || cell.last > found.cell.last) found = { item, cell };
  }
  if (!found || DONE(found.cell)) return undefined;
  const [tried, quiet] = [now() - found.cell.since, now() - found.cell.last];
  return tried >= stuckAfter && quiet < AWAY ? { ...found, tried, quiet } : undefined;
}

const isStuck = (learner, item) => stuckAt(learner)?.item === item;
const stuckSince = (learner) => stuckAt(learner)?.cell.since ?? Infinity;

function stuck() {
  const found = [...learners.values()].map((learner) => ({ learner, at: stuckAt(learner) })).filter((x) => x.at);
  found.sort((a, b) => b.at.tried - a.at.tried);
  const rows = found.map(({ learner, at }) => {
    const row = make("li");
    const ago = minutes(at.quiet) ? `, last ${minutes(at.quiet)} min ago` : "";
    row.append(make("b", `${minutes(at.tried)} min`), " ", make("bdi", learner.name), " ");
    row.append(make("span", `${items[at.item].name}, ${tries(at.cell)}${ago}`, "dim"));
    return row;
  });
  byId("help-title").textContent = `Who is stuck${rows.length ? ` (${rows.length})` : ""}`;
  byId("stuck").replaceChildren(...rows);
  byId("nobody-stuck").hidden = rows.length > 0;
}

setInterval(() => {
  stuck();
  for (const learner of learners.values()) for (const item of learner.places.keys()) draw(learner, item);
  if (byId("order").value === "stuck" && !grid.matches(":hover")) sort(); // rows stay put under a pointer
}, 10000);

listen("board", whole, change);
