// One stream of server-sent events for all tabs of a browser (a shared worker), since browsers allow
// six connections to a host and every tab would keep one. Whoever joins later gets what is known.
const ports = new Set();
const services = new Map();
let outage = "";
let source;

function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function snapshot() {
  return { type: "snapshot", objects: [...services.values()], outage };
}

function open(url) {
  source = new EventSource(url);
  source.addEventListener("snapshot", (event) => {
    const data = JSON.parse(event.data);
    services.clear();
    for (const service of data.objects) services.set(service.name, service);
    outage = data.outage;
    tell(snapshot());
  });
  source.addEventListener("service", (event) => {
    const service = JSON.parse(event.data);
    services.set(service.name, service);
    tell({ type: "service", service });
  });
  source.addEventListener("removed", (event) => {
    const { name } = JSON.parse(event.data);
    services.delete(name);
    tell({ type: "removed", name });
  });
  source.addEventListener("outage", (event) => {
    outage = JSON.parse(event.data).outage;
    tell({ type: "outage", outage });
  });
  source.onerror = () => {
    // Closed for good: signed out, or the session's token changed. The next page starts anew.
    if (source.readyState === EventSource.CLOSED) source = undefined;
  };
}

function join(port) {
  port.onmessage = ({ data }) => {
    if (data.leave) {
      ports.delete(port);
      return;
    }
    ports.add(port);
    if (!source) open(data.url);
    else if (services.size || outage) port.postMessage(snapshot());
  };
}

if ("SharedWorkerGlobalScope" in self) self.onconnect = ({ ports: [port] }) => join(port);
else join(self);
