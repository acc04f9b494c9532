// What the pages can do beyond showing and opening, which work without this file.
// Text from people and programs is only ever put into textContent, value or setAttribute("href").

const main = document.getElementById("main");
const $ = (selector, within = document) => within.querySelector(selector);
const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];

// --- services: one stream a browser -------------------------------------------------------

function fill(row, service) {
  const before = row.dataset.state;
  row.dataset.service = service.name;
  row.dataset.state = service.state;
  for (const key of ["title", "kind", "label", "message"]) {
    for (const place of $$(`[data-f="${key}"]`, row)) {
      if (place.textContent !== service[key]) place.textContent = service[key];
    }
  }
  const tile = $(".kv-tile", row);
  if (tile) {
    tile.textContent = service.initials;
    tile.dataset.hue = service.hue;
  }
  for (const place of $$("[data-about]", row)) {
    place.setAttribute("aria-label", `${place.dataset.about} ${service.title}`);
  }
  const bar = $("progress", row);
  if (bar) {
    bar.value = service.percent;
    bar.hidden = service.state !== "starting";
  }
  for (const button of $$("[data-main]", row)) button.hidden = button.dataset.main !== service.main;
  const open = $('[data-main="open"]', row);
  if (open) open.href = service.url;
  for (const item of $$("[data-can]", row)) item.hidden = !service.can[item.dataset.can];
  const age = $("time", row);
  if (age) age.setAttribute("datetime", service.since);
  if (before && before !== service.state) announce(`${service.title}: ${service.label}. ${service.message}`);
}

function newRow(list, service) {
  const row = $("#new-row").content.firstElementChild.cloneNode(true);
  row.dataset.state = service.state;
  for (const link of $$("[data-path]", row)) {
    link.setAttribute(link.tagName === "FORM" ? "action" : "href", service.page + link.dataset.path);
  }
  list.append(row);
  return row;
}

function show(service) {
  const list = $("#services");
  const selector = `[data-service="${CSS.escape(service.name)}"]`;
  const row = $(selector) || (list && !service.stock ? newRow(list, service) : undefined);
  if (row) fill(row, service);
  if (row && "page" in row.dataset) containers(service.pods);
}

function remove(name) {
  const row = $(`li[data-service="${CSS.escape(name)}"]`);
  if (row && name) row.remove();
}

function outage(sentence) {
  const banner = $("#outage");
  $('[data-f="outage"]', banner).textContent = sentence;
  banner.hidden = !sentence;
}

function receive(message) {
  if (message.type === "snapshot") {
    const names = new Set(message.objects.map((service) => service.name));
    for (const row of $$("#services > [data-service]")) {
      if (!names.has(row.dataset.service)) row.remove();
    }
    message.objects.forEach(show);
    outage(message.outage);
  } else if (message.type === "service") show(message.service);
  else if (message.type === "removed") remove(message.name);
  else if (message.type === "outage") outage(message.outage);
  const empty = $("#empty");
  if (empty) empty.hidden = $$("#services > li").length > 0;
  ages();
}

function connect() {
  const url = new URL(main.dataset.events, location.href).href;
  // Its own worker for each session: one that outlives a change of user must not speak to the next.
  const Kind = window.SharedWorker || window.Worker;
  const worker = new Kind(main.dataset.worker, { name: main.dataset.session });
  const port = worker.port || worker;
  port.onmessage = ({ data }) => receive(data);
  port.postMessage({ url });
  addEventListener("pagehide", () => port.postMessage({ leave: true }));
  addEventListener("pageshow", (event) => event.persisted && port.postMessage({ url }));
}

function announce(sentence) {
  $("#announce").textContent = sentence;
}

// --- how long ago -----------------------------------------------------------------------

function ages() {
  for (const time of $$("time[datetime]")) {
    const since = time.getAttribute("datetime");
    time.textContent = since ? age((Date.now() - Date.parse(since)) / 1000) : "";
    time.title = since ? new Date(since).toLocaleString() : "";
  }
}

function age(seconds) {
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} days ago`;
}

// --- search -----------------------------------------------------------------------------

function search(input) {
  const items = $$(`${input.dataset.filter} > li`);
  const none = $(`[data-none="${input.dataset.filter}"]`);
  const apply = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const item of items) item.hidden = !words.every((word) => item.dataset.text.includes(word));
    none.hidden = items.some((item) => !item.hidden);
  };
  input.addEventListener("input", apply);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      input.value = "";
      apply();
    }
    const found = items.filter((item) => !item.hidden);
    if (event.key === "Enter" && input.value && found.length === 1) {
      event.preventDefault();
      $("button, a", found[0]).focus();
    }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      input.focus();
    }
  });
}

// --- menus, buttons, copying ------------------------------------------------------------

function menus() {
  document.addEventListener("click", (event) => {
    for (const menu of $$(".kv-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest(".kv-menu[open]");
    if (menu) {
      menu.open = false;
      $("summary", menu).focus();
    }
  });
  // A second click must not launch a second time.
  document.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (button && event.target.method === "post") setTimeout(() => (button.disabled = true));
  });
  addEventListener("pageshow", () => $$("button[type=submit]").forEach((button) => (button.disabled = false)));
}

function copying() {
  for (const button of $$("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      announce("Copied.");
      const before = [...button.childNodes];
      button.textContent = "Copied";
      setTimeout(() => button.replaceChildren(...before), 1500);
    });
  }
}

function passwords() {
  for (const button of $$("[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    button.hidden = false;
    button.addEventListener("click", () => {
      input.type = input.type === "password" ? "text" : "password";
      button.textContent = input.type === "password" ? "Show" : "Hide";
    });
  }
  for (const button of $$("[data-generate]")) {
    const input = document.getElementById(button.dataset.generate);
    button.hidden = false;
    button.addEventListener("click", () => {
      const letters = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
      const random = crypto.getRandomValues(new Uint32Array(20));
      input.value = [...random].map((number) => letters[number % letters.length]).join("");
      input.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}

// --- launch form: what Kubernetes would say, and the same as curl -------------------------

function launchForm(form) {
  const body = (masked) => {
    const values = {};
    const size = {};
    for (const input of $$("[name^='var.'], [name^='size.']", form)) {
      const [kind, ...rest] = input.name.split(".");
      const secret = masked && input.autocomplete === "new-password";
      if (kind === "size" && input.value) size[rest.join(".")] = input.value;
      if (kind === "var") values[rest.join(".")] = secret ? "<password>" : input.value;
    }
    return Object.keys(size).length ? { ...values, size } : values;
  };
  const curl = () => {
    const json = JSON.stringify({ id: form.dataset.template, ...body(true) });
    const quoted = json.replaceAll("'", "'\\''");
    $("#curl-text").textContent =
      `curl -X POST ${form.dataset.curl} \\\n  -H "Authorization: token $TOKEN" \\\n  -d '${quoted}'`;
  };
  let asked = 0;
  const preview = async () => {
    const mine = ++asked;
    const answer = await fetch(form.dataset.preview, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-XSRFToken": form.elements._xsrf.value },
      body: JSON.stringify(body(false)),
    }).catch(() => undefined);
    if (mine !== asked) return;
    const said = answer ? await answer.json().catch(() => ({})) : {};
    verdict(form, answer, said);
  };
  let timer;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(preview, 400);
    curl();
  });
  const address = $("[data-address]", form);
  const name = address && document.getElementById(address.dataset.address);
  name?.addEventListener("input", () => (address.textContent = `${name.value}-${address.dataset.domain}`));
  $("#curl").hidden = false;
  curl();
  preview();
}

function verdict(form, answer, said) {
  const box = $("#verdict");
  const errors = said.errors || (said.error ? [{ document: null, field: "", message: said.error }] : []);
  for (const place of $$("[data-error]", form)) {
    const mine = errors.filter((error) => error.document === null && error.field === place.dataset.error);
    place.textContent = mine.map((error) => error.message).join(" ");
    place.hidden = !mine.length;
    place.closest(".kv-field").toggleAttribute("data-wrong", mine.length > 0);
  }
  const others = errors.filter((error) => error.document !== null || !$(`[data-error="${CSS.escape(error.field)}"]`, form));
  box.hidden = !answer;
  box.dataset.good = String(!errors.length);
  box.replaceChildren();
  if (!answer) return;
  const count = (said.objects || []).length;
  const plural = count === 1 ? "object" : "objects";
  box.append(errors.length ? "This cannot be launched yet." : `Kubernetes accepts this: ${count} ${plural}.`);
  const list = document.createElement("ul");
  for (const error of others) {
    const item = document.createElement("li");
    const where = [error.document === null ? "" : `document ${error.document + 1}`, error.field].filter(Boolean);
    if (where.length) {
      const code = document.createElement("code");
      code.textContent = where.join(", ");
      item.append(code, " ");
    }
    item.append(error.message);
    list.append(item);
  }
  if (others.length) box.append(list);
}

// --- the page of a service: what happens, logs --------------------------------------------

function progress(section) {
  const list = $("#steps");
  const source = new EventSource(section.dataset.events);
  source.addEventListener("progress", (event) => {
    const { message, state } = JSON.parse(event.data);
    if (!message || list.lastElementChild?.lastChild.textContent === message) return;
    if (state !== "starting" && !list.children.length) return;
    const item = document.createElement("li");
    const time = document.createElement("span");
    time.className = "kv-quiet";
    time.textContent = new Date().toLocaleTimeString();
    item.append(time, message);
    list.append(item);
    section.hidden = false;
  });
  for (const name of ["end", "failed"]) source.addEventListener(name, () => source.close());
}

let logSource;

function containers(pods) {
  const select = $("#log-container");
  const options = pods.flatMap((pod) => pod.containers.map((name) => [`${pod.name}/${name}`, `${pod.name} / ${name}`]));
  const wanted = options.map(([value]) => value).join();
  if (select.dataset.options === wanted) return;
  select.dataset.options = wanted;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value, false, value === chosen)));
  $("#log-choice").hidden = !options.length;
  $("#log-none").hidden = options.length > 0;
  if (options.length && (select.value !== chosen || !logSource)) readLog();
}

function readLog() {
  const [pod, container] = $("#log-container").value.split("/");
  const follow = $("#log-follow").checked;
  const box = $("#log");
  const state = $("#log-state");
  const url = new URL($("#logs").dataset.logs, location.href);
  for (const [key, value] of Object.entries({ pod, container, follow: follow ? "1" : "0", tail: "200" })) {
    url.searchParams.set(key, value);
  }
  logSource?.close();
  const source = (logSource = new EventSource(url));
  box.textContent = "";
  box.hidden = false;
  state.textContent = "Reading…";
  source.onopen = () => (state.textContent = follow ? "Following." : "");
  source.addEventListener("line", (event) => {
    state.textContent = follow ? "Following." : "";
    write(box, JSON.parse(event.data));
  });
  source.addEventListener("waiting", (event) => (state.textContent = JSON.parse(event.data).message));
  source.addEventListener("failed", (event) => {
    state.textContent = JSON.parse(event.data).error;
    source.close();
  });
  source.addEventListener("end", () => {
    state.textContent = box.textContent ? "The log ends here." : "The log is empty.";
    source.close();
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) state.textContent = "The log cannot be read now.";
  };
}

function write(box, line) {
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
  box.append(`${line}\n`);
  while (box.childNodes.length > 5000) box.firstChild.remove();
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function logs() {
  const select = $("#log-container");
  select.dataset.options = [...select.options].map((option) => option.value).join();
  select.addEventListener("change", readLog);
  $("#log-follow").addEventListener("change", readLog);
  $("#log-choice").hidden = !select.options.length;
  if (select.options.length) readLog();
}

// --- start --------------------------------------------------------------------------------

menus();
copying();
passwords();
ages();
setInterval(ages, 30000);
$$("[data-filter]").forEach(search);
$("#mistakes")?.focus();
if ($("#launch-form")) launchForm($("#launch-form"));
if ($("#logs")) logs();
if ($("#happened")) progress($("#happened"));
if ($("[data-service], #services")) connect();
document.documentElement.dataset.ready = "";
