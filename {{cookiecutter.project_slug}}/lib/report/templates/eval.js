// The cases of reports/eval.html: filters, two answers side by side, confusion tables.
// Texts of data and models only ever become text nodes.
"use strict";

const { systems, cases, answers, confusion } = JSON.parse(
  document.getElementById("data").textContent,
);
const form = document.forms.filters;
const asked = document.forms.confusion;
const PAGE = 40; // cases shown at once
const CELLS = 250_000; // of the table that compares two answers word by word
const CHANGES = ["worse", "better", "other answer", "both wrong", "the same"]; // in this order
let found = [];
let start = 0;

/** An element with attributes and children, strings as text. */
function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.flat());
  return node;
}

function offer(select, values, all) {
  if (all) select.append(new Option(all, ""));
  for (const value of values) select.append(new Option(value, value));
}

const answerOf = (system, at) => answers[system][at];

/** What became of a case from the left system to the right one. */
function change(at, left, right) {
  const [one, other] = [answerOf(left, at), answerOf(right, at)];
  if (!one || !other) return "other answer";
  if (one.score !== other.score) return other.score > one.score ? "better" : "worse";
  if (one.category !== "correct" && one.output === other.output) return "both wrong";
  return one.output === other.output ? "the same" : "other answer";
}

function matches(at, wanted) {
  const item = cases[at];
  const right = answerOf(wanted.right, at);
  for (const name of ["set", "scenario", "language"]) {
    if (wanted[name] && item[name] !== wanted[name]) return false;
  }
  if (wanted.tag && !item.tags.includes(wanted.tag)) return false;
  if (wanted.category && right?.category !== wanted.category) return false;
  if (!wanted.search) return true;
  const left = answerOf(wanted.left, at);
  const text = [item.id, item.prompt, item.expected, left?.output, right?.output].join("\n");
  return text.toLowerCase().includes(wanted.search.toLowerCase());
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const kinds = Object.fromEntries(CHANGES.map((name) => [name, []]));
  for (let at = 0; at < cases.length; at++) {
    if (matches(at, wanted)) kinds[change(at, wanted.left, wanted.right)].push(at);
  }
  const shown = wanted.change ? [wanted.change] : CHANGES;
  found = shown.flatMap((name) => kinds[name].map((at) => [at, name]));
  start = 0;
  const counts = CHANGES.map((name) => `${name} ${kinds[name].length}`).join(", ");
  document.getElementById("counts").textContent =
    wanted.left === wanted.right
      ? `${found.length} of ${cases.length} cases.`
      : `${found.length} of ${cases.length} cases. From ${wanted.left} to ${wanted.right}: ${counts}.`;
  const used = Object.entries(wanted).filter(([, value]) => value);
  history.replaceState(null, "", `#${new URLSearchParams(used)}`);
  show();
}

/** Words, runs of spaces, and single characters of scripts without spaces. */
const words = (text) => text.match(/[\p{Script=Latin}\p{N}_]+|\s+|./gsu) ?? [];

/** For each of two lists, whether its items are in a longest common subsequence. */
function common(one, other) {
  const keep = [one.map(() => false), other.map(() => false)];
  let head = 0;
  let tail = 0;
  const shorter = Math.min(one.length, other.length);
  while (head < shorter && one[head] === other[head]) {
    keep[0][head] = keep[1][head] = true;
    head++;
  }
  while (tail < shorter - head && one.at(-1 - tail) === other.at(-1 - tail)) {
    keep[0][one.length - 1 - tail] = keep[1][other.length - 1 - tail] = true;
    tail++;
  }
  const rows = one.length - head - tail;
  const columns = other.length - head - tail;
  if (rows * columns > CELLS) return keep;
  const length = Array.from({ length: rows + 1 }, () => new Uint16Array(columns + 1));
  for (let i = rows - 1; i >= 0; i--) {
    for (let j = columns - 1; j >= 0; j--) {
      length[i][j] =
        one[head + i] === other[head + j]
          ? length[i + 1][j + 1] + 1
          : Math.max(length[i + 1][j], length[i][j + 1]);
    }
  }
  for (let i = 0, j = 0; i < rows && j < columns; ) {
    if (one[head + i] === other[head + j]) {
      keep[0][head + i++] = keep[1][head + j++] = true;
    } else if (length[i + 1][j] >= length[i][j + 1]) i++;
    else j++;
  }
  return keep;
}

/** Text nodes, and <mark> where the other text has something else. */
function marked(parts, kept) {
  const nodes = [];
  for (let at = 0; at < parts.length; ) {
    const from = at;
    while (at < parts.length && kept[at] === kept[from]) at++;
    const text = parts.slice(from, at).join("");
    nodes.push(kept[from] ? text : make("mark", {}, text));
  }
  return nodes;
}

function answerBox(system, answer, nodes) {
  if (!answer) return make("div", {}, make("h4", {}, system), make("p", {}, "not asked"));
  const kind = answer.category === "correct" ? "good" : "bad";
  const head = [`${system} `, make("span", { class: `badge ${kind}` }, answer.category)];
  if (answer.score !== 0 && answer.score !== 1) head.push(` score ${answer.score.toFixed(2)}`);
  if (answer.cut) head.push(" ", make("span", { class: "badge" }, "cut off"));
  const text = answer.output ? nodes : make("i", { class: "soft" }, "(nothing)");
  return make("div", {}, make("h4", {}, head), make("pre", { dir: "auto" }, text));
}

function card(at, kind, left, right) {
  const item = cases[at];
  const [one, other] = [answerOf(left, at), answerOf(right, at)];
  const parts = [words(one?.output ?? ""), words(other?.output ?? "")];
  const kept = common(...parts);
  const boxes = [answerBox(left, one, marked(parts[0], kept[0]))];
  if (left !== right) boxes.push(answerBox(right, other, marked(parts[1], kept[1])));
  const facts = [item.set, item.scenario, item.language, ...item.tags].filter(Boolean).join(" · ");
  const head = [make("b", {}, item.id), ` ${facts}`];
  if (left !== right && (kind === "better" || kind === "worse")) {
    head.push(" ", make("span", { class: `badge ${kind === "better" ? "good" : "bad"}` }, kind));
  }
  return make(
    "article",
    { tabindex: "-1" },
    make("h3", {}, head),
    make("pre", { class: "prompt", dir: "auto" }, item.prompt),
    make("p", { dir: "auto" }, make("span", { class: "soft" }, "expected: "), item.expected),
    make("div", { class: "pair" }, boxes),
  );
}

function show() {
  const end = Math.min(start + PAGE, found.length);
  const [left, right] = [form.left.value, form.right.value];
  const list = document.getElementById("cases");
  list.replaceChildren(...found.slice(start, end).map(([at, kind]) => card(at, kind, left, right)));
  document.getElementById("place").textContent = found.length
    ? `${start + 1} to ${end} of ${found.length}`
    : "no case";
  document.getElementById("back").disabled = start === 0;
  document.getElementById("on").disabled = end === found.length;
}

function turn(step) {
  const next = start + step * PAGE;
  if (next < 0 || next >= found.length) return;
  start = next;
  show();
  document.getElementById("list").scrollIntoView();
}

/** Move the focus to the next or previous case, turning the page at its end. */
function walk(step) {
  const list = document.getElementById("cases");
  let at = [...list.children].indexOf(document.activeElement.closest("article")) + step;
  if (at < 0 && start > 0) [at] = [PAGE - 1, turn(-1)];
  else if (at >= list.children.length && start + PAGE < found.length) [at] = [0, turn(1)];
  list.children[at]?.focus();
  list.children[at]?.scrollIntoView({ block: "nearest" });
}

function showConfusion() {
  const field = asked.field.value;
  const counts = confusion[asked.system.value]?.[asked.set.value]?.[field];
  const target = document.getElementById("confusion-table");
  if (!counts) return target.replaceChildren(make("p", {}, "No case has one."));
  const rights = Object.keys(counts);
  const given = Object.values(counts).flatMap(Object.keys);
  const columns = [...rights, ...[...new Set(given)].filter((name) => !rights.includes(name)).sort()];
  const rows = rights.map((right) => {
    const total = Object.values(counts[right]).reduce((sum, count) => sum + count, 0);
    const cells = columns.map((name) => {
      const count = counts[right][name] ?? 0;
      const td = make("td", { class: `number ${name === right ? "hit" : ""}` }, count || "");
      td.style.backgroundColor = `rgba(var(--shade), ${((0.7 * count) / total).toFixed(2)})`;
      return td;
    });
    return make("tr", {}, make("th", { scope: "row" }, right), cells);
  });
  const head = ["expected ↓ given →", ...columns].map((name) => make("th", { scope: "col" }, name));
  target.replaceChildren(
    make("table", {}, make("thead", {}, make("tr", {}, head)), make("tbody", {}, rows)),
  );
}

/** A count in a table of failures shows its cases. */
function jump({ system, set, category }) {
  form.reset();
  form.right.value = system;
  if (form.left.value === system) form.left.value = systems.find((one) => one !== system) ?? system;
  form.set.value = set;
  form.category.value = category;
  filter();
  document.getElementById("list").scrollIntoView();
  form.category.focus({ preventScroll: true });
}

function begin() {
  const names = (of) => [...new Set(cases.flatMap(of))].filter(Boolean).sort();
  const sets = [...new Set(cases.map((item) => item.set))];
  offer(form.left, systems);
  offer(form.right, systems);
  form.left.options[0].defaultSelected = true;
  const right = systems.includes("tuned") ? systems.indexOf("tuned") : systems.length - 1;
  form.right.options[right].defaultSelected = true;
  offer(form.set, sets, "all");
  offer(form.scenario, names((item) => item.scenario), "all");
  offer(form.language, names((item) => item.language), "all");
  offer(form.tag, names((item) => item.tags), "all");
  const kinds = systems.flatMap((one) => answers[one].filter(Boolean).map((it) => it.category));
  offer(form.category, [...new Set(kinds)].sort(), "all");
  offer(form.change, CHANGES, "all");
  form.reset();
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    const options = form[name]?.options;
    if (name === "search" || (options && [...options].some((one) => one.value === value))) {
      form[name].value = value;
    }
  }
  offer(asked.system, systems);
  asked.system.value = form.right.value;
  offer(asked.set, sets.filter((set) => set !== "adversarial"));
  const fields = systems.flatMap((one) => Object.values(confusion[one]).flatMap(Object.keys));
  offer(asked.field, [...new Set(fields)]);
  asked.hidden = !fields.length;
  asked.addEventListener("input", showConfusion);
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("back").addEventListener("click", () => turn(-1));
  document.getElementById("on").addEventListener("click", () => turn(1));
  for (const button of document.querySelectorAll("button[data-category]")) {
    button.addEventListener("click", () => jump(button.dataset));
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.matches("input, select")) return;
    if (event.key === "/") {
      event.preventDefault();
      form.search.focus();
    } else if (event.key === "j") walk(1);
    else if (event.key === "k") walk(-1);
  });
  filter();
  showConfusion();
}

begin();
