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

// ---- which exercises are shown: those of a chapter, or (of many) those that somebody has tried; questions if asked for

const FEW = 16;

export class Chosen {
  constructor(changed) {
    this.select = byId("columns");
    this.questions = byId("questions");
    this.touched = new Set();
    this.select.addEventListener("change", changed);
    this.questions.addEventListener("change", changed);
  }

  whole(items, bars) {
    const kept = this.select.value;
    this.items = items;
    this.touched = new Set(bars.filter((bar) => bar[1] + bar[2] + bar[3]).map((bar) => bar[0]));
    const many = items.filter((item) => !item.question).length > FEW;
    const chapters = [...new Set(items.map((item) => item.chapter))].map((name) => [name, name]);
    const all = ["all", "all"];
    const tried = ["tried", "those tried so far"];
    const options = many ? [tried, ...chapters, all] : [all, tried, ...chapters];
    this.select.replaceChildren(...options.map(([value, words]) => new Option(words, value)));
    if (options.some(([value]) => value === kept)) this.select.value = kept;
  }

  // Whether what is shown has become more.
  touch(item) {
    if (this.touched.has(item)) return false;
    this.touched.add(item);
    return this.select.value === "tried";
  }

  shown() {
    const value = this.select.value;
    const right = (item, i) => value === "all" || (value === "tried" ? this.touched.has(i) : item.chapter === value);
    const places = this.items.map((item, i) => (right(item, i) && (!item.question || this.questions.checked) ? i : -1));
    return places.filter((i) => i >= 0);
  }
}

// The name of an exercise, which may break after its underscores; a question says that it is one.
export function named(item, tag, name = "") {
  const element = make(tag, item.question ? "?\u00a0" : "", name);
  const parts = item.name.split("_");
  parts.forEach((part, k) => element.append(k < parts.length - 1 ? `${part}_` : part, make("wbr")));
  return element;
}

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
      row.append(named(items[i], "span", "name"), bar, words);
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
  const wished = () => (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const dark = () => (root.dataset.theme || wished()) === "dark";
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
