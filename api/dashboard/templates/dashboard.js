const KEY = "expo key";
const age = document.getElementById("age");
const living = document.getElementById("living");
const said = document.getElementById("said");
const keyForm = document.getElementById("key-form");
const answer = document.getElementById("answer");
let last = Date.now();

function ask(path) {
  const key = sessionStorage.getItem(KEY);
  return fetch(path, { cache: "no-store", headers: key ? { "X-API-Key": key } : {} });
}

function show(fresh) {
  const held = living.contains(document.activeElement) && document.activeElement;
  const place = held && (held.getAttribute("href") || held.id);
  const scrolled = [...living.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  living.innerHTML = fresh.innerHTML;
  living.querySelectorAll(".scroll").forEach((one, i) => { one.scrollLeft = scrolled[i] || 0; });
  for (const one of place ? living.querySelectorAll("a, [tabindex]") : [])
    if ((one.getAttribute("href") || one.id) === place) one.focus({ preventScroll: true });
}

async function renew() {
  if (document.hidden) return;
  const key = sessionStorage.getItem(KEY);
  try {
    const got = await ask("/");
    if (!got.ok) throw new Error(got.status);
    const page = new DOMParser().parseFromString(await got.text(), "text/html");
    if (key !== sessionStorage.getItem(KEY)) return;
    const fresh = page.getElementById("living");
    if (key && fresh.dataset.opened !== "yes") {
      sessionStorage.removeItem(KEY);
      said.textContent = "This key is wrong.";
    } else if (key && living.dataset.opened !== "yes") said.textContent = "Ids and links are shown.";
    show(fresh);
    living.dataset.opened = fresh.dataset.opened;
    keyForm.forget.hidden = fresh.dataset.opened !== "yes";
    last = Date.now();
    age.textContent = "live";
  } catch (error) {
    age.textContent = `no answer for ${Math.round((Date.now() - last) / 1000)} s`;
  }
}

keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!keyForm.key.value) return;
  sessionStorage.setItem(KEY, keyForm.key.value);
  keyForm.key.value = "";
  said.textContent = "";
  renew();
});
keyForm.forget.addEventListener("click", () => {
  sessionStorage.removeItem(KEY);
  said.textContent = "The key is forgotten.";
  keyForm.key.focus();
  renew();
});

async function save(got, path) {
  const link = document.createElement("a");
  const told = /filename="([^"]*)"/.exec(got.headers.get("Content-Disposition") || "");
  link.href = URL.createObjectURL(await got.blob());
  link.download = told ? told[1] : path.split("/")[3];
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

living.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-does]");
  if (!link) return;
  event.preventDefault();
  const path = link.getAttribute("href");
  said.textContent = "Asking ...";
  try {
    const got = await ask(path);
    if (got.ok && link.dataset.does === "save") await save(got, path);
    else {
      answer.querySelector("pre").textContent = JSON.stringify(await got.json(), null, 2);
      answer.showModal();
    }
    said.textContent = "";
  } catch (error) {
    said.textContent = "No answer.";
  }
});

setInterval(renew, 2000);
age.textContent = "live";
if (sessionStorage.getItem(KEY)) renew();
