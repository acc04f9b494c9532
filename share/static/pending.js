// JupyterHub's page about a notebook that starts: progress, and a button that stops this server.
const page = document.getElementById("pending");
const message = document.getElementById("progress-message");
const log = document.getElementById("progress-log");
const source = new EventSource(page.dataset.events);

source.onmessage = ({ data }) => {
  const event = JSON.parse(data);
  if (event.progress !== undefined) document.getElementById("progress-bar").value = event.progress;
  if (event.message) {
    message.textContent = event.message;
    const item = document.createElement("li");
    item.textContent = event.message;
    log.append(item);
  }
  if (event.ready || event.failed) source.close();
  if (event.ready) location.reload();
  if (event.failed) document.getElementById("progress-details").open = true;
};

document.getElementById("stop").addEventListener("click", async ({ target }) => {
  target.disabled = true;
  const answer = await fetch(target.dataset.url, { method: "DELETE" });
  source.close();
  if (answer.ok) location.href = page.dataset.home;
  else message.textContent = (await answer.json()).message;
});
