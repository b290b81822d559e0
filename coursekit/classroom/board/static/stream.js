// What both pages share: the stream of changes, the bars, the choice of exercises, light and dark.

export const byId = (id) => document.getElementById(id);

// An element with text in it; nothing of a learner's ever becomes HTML.
export function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

// Calls `whole` with everything whenever the stream begins anew, and `change` with what changed since.
export function listen(view, whole, change) {
  const stream = new EventSource(`stream?view=${view}`);
  const said = byId("connection");
  let heard = Date.now();
  const say = (words) => {
    if (said.textContent !== words) said.textContent = words;
  };
  const take = (then) => (event) => {
    heard = Date.now();
    say("Live.");
    then(JSON.parse(event.data));
  };
  stream.addEventListener("whole", take(whole));
  stream.addEventListener("change", take(change));
  stream.onerror = () => {
    const closed = stream.readyState === EventSource.CLOSED;
    say(closed ? "Closed: load this page again." : "The board does not answer; trying again.");
    if (closed) setTimeout(() => location.reload(), 5000);
  };
  setInterval(() => {
    if (Date.now() - heard > 35000) say("Nothing heard for a while; trying again.");
  }, 5000);
}

// ---- which exercises are shown: those of a chapter, or (of many) those that somebody has tried

export const FEW = 16;

export class Chosen {
  constructor(select, changed) {
    this.select = select;
    this.touched = new Set();
    select.addEventListener("change", changed);
  }

  whole(items, bars) {
    const kept = this.select.value;
    this.items = items;
    this.touched = new Set(bars.filter((bar) => bar[1] + bar[2] + bar[3]).map((bar) => bar[0]));
    this.select.replaceChildren();
    const add = (value, words) => this.select.add(new Option(words, value));
    if (items.length <= FEW) add("all", "all");
    add("tried", "those tried so far");
    for (const chapter of new Set(items.map((item) => item.chapter))) add(chapter, chapter);
    if (items.length > FEW) add("all", "all");
    if (kept) this.select.value = kept;
  }

  // Whether what is shown has become more.
  touch(item) {
    if (this.touched.has(item)) return false;
    this.touched.add(item);
    return this.select.value === "tried";
  }

  shown() {
    const value = this.select.value;
    const places = this.items.map((_, i) => i);
    if (value === "all") return places;
    if (value === "tried") return places.filter((i) => this.touched.has(i));
    return places.filter((i) => this.items[i].chapter === value);
  }
}

export const label = (item) => (item.question ? `? ${item.name}` : item.name);

// ---- bars: passed, another convention and tried, of those who joined

export class Bars {
  constructor(list) {
    this.list = list;
    this.rows = new Map();
    this.counts = [];
  }

  lay(items, shown) {
    this.rows.clear();
    this.list.replaceChildren();
    for (const i of shown) {
      const row = make("li");
      const parts = ["passed", "convention", "tried"].map((kind) => make("i", "", kind));
      const bar = make("span", "", "bar");
      bar.setAttribute("aria-hidden", "true");
      bar.append(...parts);
      const words = make("span", "", "count");
      row.append(make("span", label(items[i]), "name"), bar, words);
      this.list.append(row);
      this.rows.set(i, { parts, words });
    }
  }

  update(joined, stuck = []) {
    for (const [i, row] of this.rows) {
      const [passed, convention, tried] = this.counts[i];
      const of = Math.max(joined, 1);
      [passed, convention, tried].forEach((n, k) => {
        row.parts[k].style.width = `${(100 * n) / of}%`;
      });
      const more = [`${passed} passed`];
      if (convention) more.push(`${convention} ≈`);
      if (tried) more.push(`${tried} not yet`);
      if (stuck[i]) more.push(`${stuck[i]} stuck`);
      row.words.textContent = more.join(", ");
    }
  }
}

// ---- mistakes: title, exercise and count; on the board what to say to it as well

export function showMistakes(list, none, mistakes, items, details) {
  const open = new Set([...list.querySelectorAll("details[open]")].map((d) => d.dataset.key));
  const focused = document.activeElement?.closest?.("details")?.dataset.key;
  list.replaceChildren();
  for (const mistake of mistakes) {
    const row = make("li");
    const name = items[mistake.item].name;
    const head = make(details ? "summary" : "p");
    const sign = mistake.convention ? "≈ " : "";
    head.append(make("b", `${mistake.now} ×`), ` ${sign}`, inline(mistake.title), " ", make("span", name, "dim"));
    if (!details) {
      row.append(head);
    } else {
      const fold = make("details");
      fold.dataset.key = `${name} ${mistake.title}`;
      fold.open = open.has(fold.dataset.key);
      fold.append(head);
      for (const words of [mistake.words, mistake.hint && `Hint: ${mistake.hint}`]) {
        if (words) fold.append(inline(words, "p"));
      }
      fold.append(make("p", `${mistake.where}. ${mistake.ever} met it so far.`, "dim"));
      row.append(fold);
    }
    list.append(row);
    if (focused && row.firstChild.dataset?.key === focused) head.focus();
  }
  none.hidden = mistakes.length > 0;
}

// Text with `code` in it.
function inline(text, tag = "span") {
  const whole = make(tag);
  text.split("`").forEach((part, i) => whole.append(i % 2 ? make("code", part) : part));
  return whole;
}

// ---- light or dark, kept for the next time

export function theme(button) {
  const root = document.documentElement;
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  try {
    root.dataset.theme = localStorage.getItem("theme") ?? "";
  } catch {
    // a browser that keeps nothing: as it is set
  }
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try {
      localStorage.setItem("theme", root.dataset.theme);
    } catch {
      // for this page only
    }
  });
}
