"""JupyterHub with karvdash_hub, configured by environment variables. The demonstration and the tests run it.

KARVDASH_PUBLIC_URL      address in browsers, http://localhost:8000
KARVDASH_BIND_URL        where the proxy listens, as the Hub knows it
KARVDASH_HUB_IP, _PORT   where the Hub's API listens; pods have to reach it
KARVDASH_STATE_DIR       databases, cookie secret, templates/
KARVDASH_KUBECONFIG      empty: the pod's own service account
KARVDASH_REGISTRY        host:port of the registry of images
KARVDASH_POD_CIDR        network of the pods
KARVDASH_FILES_URL       where users' files are for the cluster's nodes; empty: no data domains
KARVDASH_FILES_API, KARVDASH_FILES_TOKEN_FILE   address of the files process, and the secret shared with it
KARVDASH_GATE_TOKEN_FILE, KARVDASH_BOOTSTRAP_TOKEN_FILE   files with API tokens of the gate and of who sets up
KARVDASH_PROXY_API_URL   a configurable-http-proxy that runs already (with CONFIGPROXY_AUTH_TOKEN)
KARVDASH_CHP             else its command line
KARVDASH_EXTRA_CONFIG    one more configuration file, loaded last
"""

# ruff: noqa: F821  (get_config and load_subconfig are JupyterHub's)
import os
import shlex
from pathlib import Path

from karvdash_hub.install import install

c = get_config()  # type: ignore[name-defined]
env = os.environ.get
state_dir = Path(env("KARVDASH_STATE_DIR", "state")).absolute()


def token(variable: str) -> str:
    """Return the token in the file that a variable names, or ""."""
    path = env(variable)
    return Path(path).read_text().strip() if path else ""


c.Platform.public_url = env("KARVDASH_PUBLIC_URL", "http://localhost:8000")
c.Platform.kubeconfig = env("KARVDASH_KUBECONFIG", "")
c.Platform.registry = env("KARVDASH_REGISTRY", "")
c.Platform.state_dir = str(state_dir)
c.Platform.database_url = f"sqlite:///{state_dir / 'karvdash.sqlite'}"
# Per user, so that nobody's mistake fills the node. Add requests.cpu and requests.memory where users share
# more.
c.Platform.user_quota = {
    "hard": {"pods": "60", "persistentvolumeclaims": "40", "services": "60", "count/jobs.batch": "100"}
}
# What the scheduler counts for containers that ask for nothing.
c.Platform.user_limit_range = {
    "limits": [{"type": "Container", "defaultRequest": {"cpu": "10m", "memory": "32Mi"}}]
}
# Hub, front and gate are processes of the node here, not pods of the release's namespace.
c.UserNamespaces.platform_peers = [{"ipBlock": {"cidr": f"{env('KARVDASH_HUB_IP', '127.0.0.1')}/32"}}]
c.UserNamespaces.pod_cidrs = [cidr for cidr in env("KARVDASH_POD_CIDR", "").split(",") if cidr]
c.DataDomains.files_url = env("KARVDASH_FILES_URL", "")
c.DataDomains.files_api = env("KARVDASH_FILES_API", "")
c.DataDomains.files_token_file = env("KARVDASH_FILES_TOKEN_FILE", "")
install(c, gate_token=token("KARVDASH_GATE_TOKEN_FILE"))

c.JupyterHub.bind_url = env("KARVDASH_BIND_URL", "http://127.0.0.1:8000")
c.JupyterHub.hub_bind_url = f"http://{env('KARVDASH_HUB_IP', '127.0.0.1')}:{env('KARVDASH_HUB_PORT', '8081')}"
c.JupyterHub.db_url = f"sqlite:///{state_dir / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state_dir / "jupyterhub_cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(state_dir / "jupyterhub-proxy.pid")

if proxy := env("KARVDASH_PROXY_API_URL"):
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = proxy
elif command := env("KARVDASH_CHP"):
    c.ConfigurableHTTPProxy.command = shlex.split(command)
# The proxy and its routes outlive a restart of the Hub.
c.JupyterHub.cleanup_proxy = not env("KARVDASH_PROXY_API_URL")

# Notebooks of JupyterHub's own kind, beside service templates.
registry = f"{c.Platform.registry}/" if c.Platform.registry else ""
c.KubeSpawner.image = f"{registry}karvdash/jupyterlab:latest"
c.KubeSpawner.cmd = ["jupyterhub-singleuser"]
# The first start on a node pulls the image.
c.KubeSpawner.start_timeout = 300
c.KubeSpawner.cpu_limit = 2
c.KubeSpawner.cpu_guarantee = 0.1
c.KubeSpawner.mem_limit = "1G"
c.KubeSpawner.mem_guarantee = "128M"

if bootstrap := token("KARVDASH_BOOTSTRAP_TOKEN_FILE"):
    # It makes users and tokens, admins among them, which only an admin may.
    c.JupyterHub.services.append({"name": "karvdash-demo", "api_token": bootstrap, "admin": True})

if extra := env("KARVDASH_EXTRA_CONFIG"):
    load_subconfig(extra)  # type: ignore[name-defined]
