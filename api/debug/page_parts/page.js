"use strict";
// The key stays in this tab: sessionStorage, and a header of each request.
const $ = (id) => document.getElementById(id);
const STORED = "expo.key", FLASH_MS = 6000, EVENTS = 200;
let key = sessionStorage.getItem(STORED) || "", opened = "", following = null;
const lives = new Map(), flashing = new Map(), reasons = new Map();

async function ask(path, how = {}) {
  const headers = { "X-API-Key": key, "X-Operator": "debug page", ...how.headers };
  const answer = await fetch(path, { cache: "no-store", ...how, headers });
  if (answer.ok) return answer;
  const text = await answer.json().then((body) => body.error, () => answer.statusText);
  throw Object.assign(new Error(text), { status: answer.status });
}
const post = (word, body) => ask(`/debug/${word}`, { method: "POST", body: JSON.stringify(body),
  headers: { "Content-Type": "application/json" } });

// -- server-sent events over fetch, because EventSource sends no header -------------------------
async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = "";;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const found = /^event: (.*)\ndata: (.*)$/.exec(block);
      if (found) yield [found[1], JSON.parse(found[2])];
    }
  }
}
async function follow() {
  following?.abort();
  const own = following = new AbortController();
  while (!own.signal.aborted) {
    try {
      const answer = await ask("/debug/events", { signal: own.signal, headers: { Accept: "text/event-stream" } });
      show("live");
      for await (const [name, data] of events(answer)) {
        if (name === "tree") await changed(data);
        if (name === "told") told(data);
      }
    } catch (error) {
      if (own.signal.aborted) return;
      if (error.status === 401 || error.status === 403) return login(error.message);
    }
    if (own.signal.aborted) return;
    show("no answer, trying again");
    await new Promise((resume) => setTimeout(resume, 1000));
  }
}
function show(text) { if ($("status").textContent !== text) $("status").textContent = text; }

// -- the tree ------------------------------------------------------------------------------------
const item = (path) => document.querySelector(`[data-path="${CSS.escape(path)}"]`);
async function changed({ changed: nodes, order }) {
  for (const node of nodes) noteRestart(node);
  const page = new DOMParser().parseFromString(await (await ask("/debug/tree?format=html")).text(), "text/html");
  if (order || !$("tree").firstElementChild) replace(page); else patch(page);
  for (const path of flashing.keys()) {
    item(path)?.classList.add("flash");
    item(path)?.querySelector(":scope > .row > .reason")?.replaceChildren(reasons.get(path));
  }
  if (opened && nodes.some((node) => (node.path || "root") === opened)) await look();
}
function noteRestart({ path, state, restarts: times, generation, why }) {
  if (state !== "running") return; // the reason is there when the next life is
  const before = lives.get(path);
  lives.set(path, { times, generation });
  if (!before || generation <= before.generation) return;
  clearTimeout(flashing.get(path));
  flashing.set(path, setTimeout(() => { flashing.delete(path); item(path)?.classList.remove("flash"); }, FLASH_MS));
  reasons.set(path, times > before.times ? why.at(-1) : "asked for");
  show(`${path} restarted: ${reasons.get(path)}`);
}
function replace(page) {
  const held = document.activeElement?.closest?.("[data-path]")?.dataset.path;
  $("tree").replaceChildren(...page.body.children);
  select();
  const first = item(held) || item(opened) || $("tree").querySelector("[data-path]");
  if (first) first.tabIndex = 0;
  if (held) first?.focus();
}
function patch(page) {
  for (const fresh of page.querySelectorAll("[data-field]")) {
    const path = fresh.closest("[data-path]").dataset.path, field = fresh.dataset.field;
    const old = item(path)?.querySelector(`:scope > .row > [data-field="${field}"]`);
    if (!old) return replace(page);
    if (old.textContent !== fresh.textContent) old.textContent = fresh.textContent;
    if (old.className !== fresh.className) old.className = fresh.className;
  }
}
function select() {
  for (const one of document.querySelectorAll("[data-path]"))
    one.setAttribute("aria-selected", String(one.dataset.path === opened));
}
function move(from, key) {
  const all = [...document.querySelectorAll("[data-path]")], at = all.indexOf(from);
  const to = { ArrowDown: all[at + 1], ArrowUp: all[at - 1], Home: all[0], End: all.at(-1),
    ArrowLeft: from.parentElement.closest("[data-path]"), ArrowRight: from.querySelector("[data-path]") }[key];
  if (!to) return;
  from.tabIndex = -1;
  to.tabIndex = 0;
  to.focus();
}
$("tree").addEventListener("click", (event) => {
  const found = event.target.closest("[data-path]");
  if (found) open(found.dataset.path);
});
$("tree").addEventListener("keydown", (event) => {
  const found = event.target.closest("[data-path]");
  if (!found) return;
  if (event.key === "Enter" || event.key === " ") open(found.dataset.path);
  else if (/^Arrow|^Home$|^End$/.test(event.key)) move(found, event.key);
  else return;
  event.preventDefault();
});

// -- one process ---------------------------------------------------------------------------------
async function open(path) {
  opened = path;
  select();
  document.querySelector("main").classList.add("open");
  document.querySelector("aside").hidden = false;
  for (const id of ["acted", "trace", "state", "stack", "about"]) $(id).textContent = "";
  $("name").textContent = path;
  $("name").focus();
  await look();
}
async function look() {
  const path = opened, query = `path=${encodeURIComponent(path)}`;
  const [about, state, tree] = await Promise.allSettled([ask(`/debug/process?${query}`), ask(`/debug/state?${query}`),
    ask("/debug/tree")].map(async (sent) => (await sent).json()));
  if (path !== opened) return;
  if (about.status === "fulfilled") fill(about.value);
  else $("about").textContent = about.reason.message;
  text("state", state.status === "fulfilled" ? JSON.stringify(state.value.status, null, 2) : state.reason.message);
  if (tree.status === "fulfilled") history(find(tree.value, path === "root" ? "" : path));
}
const find = (node, path) => node.path === path ? node : node.children.map((one) => find(one, path)).find(Boolean);
function text(id, words) { if ($(id).textContent !== words) $(id).textContent = words; }
function fill(one) {
  const { stack, facts, path, ...rest } = one;
  text("about", `generation ${one.generation}, ${one.initial_call || "no initial call"}`);
  text("stack", stack.join("\n"));
  const rows = Object.entries({ ...facts, ...rest }).filter(([, value]) => value !== null && String(value) !== "");
  $("facts").replaceChildren(...rows.flatMap(([name, value]) => [make("dt", name.replaceAll("_", " ")), make("dd", String(value))]));
}
function history(node) {
  const lines = node ? node.why.map((why, i) => `${Math.round(node.ago[i])} s ago: ${why}`) : [];
  $("restarts").replaceChildren(...(lines.length ? lines.reverse() : ["none"]).map((line) => make("li", line)));
}
function make(tag, words) { return Object.assign(document.createElement(tag), { textContent: words }); }
$("close").addEventListener("click", () => {
  const path = opened;
  opened = "";
  select();
  document.querySelector("aside").hidden = true;
  document.querySelector("main").classList.remove("open");
  item(path)?.focus();
});

// -- acts ----------------------------------------------------------------------------------------
function sure(word, path) {
  $("question").textContent = `${word} ${path}?`;
  $("yes").textContent = word;
  $("why").value = "";
  $("sure").returnValue = "no";
  $("sure").showModal();
  $("why").focus();
  return new Promise((answer) => $("sure").addEventListener("close", () => answer($("sure").returnValue === "yes"), { once: true }));
}
$("why").addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return; // not the first button of the form, which is Cancel
  event.preventDefault();
  $("yes").click();
});
document.querySelector("aside").addEventListener("click", async ({ target }) => {
  const act = target.dataset?.act, path = opened;
  if (!act) return;
  const word = act[0].toUpperCase() + act.slice(1);
  if (target.classList.contains("danger") && !await sure(word, path)) return;
  try {
    const why = target.classList.contains("danger") ? $("why").value : "";
    const answer = await post(act, { path, why, ...(act === "trace" ? { seconds: 10 } : {}) });
    $("acted").textContent = `${word}: done`;
    if (act === "trace") await trace(answer);
    await look();
  } catch (error) {
    $("acted").textContent = `${word}: ${error.message}`;
  }
});
async function trace(answer) {
  $("trace").textContent = "";
  $("acted").textContent = "Trace: begun, 10 s";
  for await (const [name, data] of events(answer)) {
    if (name === "trace") $("trace").textContent += `${data.what} ${JSON.stringify(data.value)}\n`;
    if (name === "end") $("acted").textContent = `Trace: ${data.seen} events`;
  }
}

// -- events --------------------------------------------------------------------------------------
function told({ at, name, fields }) {
  const line = document.createElement("li");
  line.append(make("time", new Date(at * 1000).toLocaleTimeString()), make("strong", name), " ",
    make("code", Object.entries(fields).map(([field, value]) => `${field}=${typeof value === "string" ? value : JSON.stringify(value)}`).join(" ")));
  $("events").prepend(line);
  while ($("events").children.length > EVENTS) $("events").lastChild.remove();
}

// -- the key -------------------------------------------------------------------------------------
function login(why = "") {
  following?.abort();
  key = "";
  sessionStorage.removeItem(STORED);
  document.querySelector("main").hidden = $("forget").hidden = true;
  $("login").hidden = false;
  $("refused").textContent = why;
  show("not connected");
  $("key").focus();
}
async function enter() {
  $("login").hidden = true;
  document.querySelector("main").hidden = $("forget").hidden = false;
  try {
    for (const one of (await (await ask("/debug/events")).json()).events) told(one);
  } catch (error) {
    if (error.status === 401 || error.status === 403) return login(error.message);
  }
  await follow();
}
$("login").addEventListener("submit", (event) => {
  event.preventDefault();
  key = $("key").value;
  $("key").value = "";
  sessionStorage.setItem(STORED, key);
  $("events").replaceChildren();
  enter();
});
$("forget").addEventListener("click", () => login());
if (key) enter(); else login();
