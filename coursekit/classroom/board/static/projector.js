// For the wall: counts in large type, no names.

import { Bars, Chosen, byId, listen, showMistakes, theme } from "./stream.js";

const SHOWN = 5; // mistakes
let items = [];
let joined = 0;
let stuck = [];
const bars = new Bars(byId("bars"));
const chosen = new Chosen(lay);
theme(byId("theme"));

function whole(data) {
  items = data.items;
  byId("join").textContent = data.join;
  bars.counts = items.map(() => [0, 0, 0]);
  take(data);
  chosen.whole(items, data.bars);
  lay();
}

function change(data) {
  if (!data.bars) return; // a beat
  const tried = data.bars.filter((bar) => bar[1] + bar[2] + bar[3]);
  take(data);
  if (tried.map((bar) => chosen.touch(bar[0])).includes(true)) lay();
  bars.update(joined, stuck);
}

function take(data) {
  ({ joined, stuck } = data);
  for (const [item, ...counts] of data.bars) bars.counts[item] = counts;
  byId("joined").textContent = `${joined} joined`;
  showMistakes(byId("mistakes"), byId("no-mistakes"), data.mistakes.slice(0, SHOWN), items, false);
}

function lay() {
  bars.lay(items, chosen.shown());
  bars.update(joined, stuck);
}

// ---- what is shown: the code while people come in, the mistakes when they are to be spoken of

for (const [button, section] of [
  ["show-join", "way-in"],
  ["show-mistakes", "trip"],
]) {
  byId(button).addEventListener("click", () => {
    const hidden = byId(section).toggleAttribute("hidden");
    byId(button).setAttribute("aria-pressed", String(!hidden));
  });
}

listen("projector", whole, change);
