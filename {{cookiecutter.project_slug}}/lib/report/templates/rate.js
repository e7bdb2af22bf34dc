"use strict";
const at = (id) => document.getElementById(id);
const choices = { 1: "left", 2: "tie", 3: "right", ArrowLeft: "left", ArrowDown: "tie", ArrowRight: "right" };
let rater = "";
let shown = null; // the case on the screen; null while a reply is awaited, so that no key counts twice

/** Ask the server; what it replies is the next question. */
async function ask(path, body) {
  const before = shown;
  shown = null;
  try {
    const headers = { "Content-Type": "application/json" };
    const options = body ? { method: "POST", headers, body: JSON.stringify({ rater, ...body }) } : {};
    const reply = await fetch(path, options);
    const state = await reply.json();
    if (!reply.ok) throw new Error(state.error);
    show(state);
  } catch (error) {
    shown = before;
    at("error").textContent = error instanceof TypeError
      ? "The server does not answer. Nothing is lost: start `make rate` again, then go on here."
      : error.message;
  }
}

function show(state) {
  at("error").textContent = "";
  at("who").hidden = true;
  document.querySelector("main").hidden = false;
  at("progress").max = state.of;
  at("progress").value = state.done;
  at("count").textContent = state.case
    ? `${rater}: ${state.done} of ${state.of} rated`
    : `${rater}: all ${state.of} rated. Thank you!`;
  at("question").hidden = !state.case;
  at("undo").disabled = !state.done;
  for (const id of ["prompt", "left", "right"]) at(id).textContent = state[id] || "(nothing)";
  shown = state.case ?? "";
}

function rate(choice) {
  if (shown) ask("/rate", { case: shown, choice });
}

function undo() {
  if (shown !== null && !at("undo").disabled) ask("/undo", {});
}

function begin() {
  rater = at("rater").value;
  location.hash = rater;
  ask(`/next?rater=${encodeURIComponent(rater)}`);
}

at("who").addEventListener("submit", (event) => {
  event.preventDefault();
  begin();
});
for (const button of document.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => rate(button.dataset.choice));
}
at("undo").addEventListener("click", undo);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || !rater) return;
  if (event.target.matches("input")) return;
  if (event.key === "u") undo();
  else if (choices[event.key]) {
    event.preventDefault();
    rate(choices[event.key]);
  }
});
if (location.hash.length > 1) {
  at("rater").value = decodeURIComponent(location.hash.slice(1));
  begin();
}
