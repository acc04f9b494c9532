"""The peer of B5: JupyterHub as it comes, with a spawner that starts nothing."""

import os

from jupyterhub.auth import DummyAuthenticator
from jupyterhub.proxy import Proxy
from jupyterhub.spawner import Spawner
from traitlets.config import get_config

c = get_config()


class NothingSpawner(Spawner):
    """Says that it runs. Its address is the Hub's own health page, which answers the Hub's check."""

    async def start(self):
        """Run nothing."""
        self.running = True
        return f"http://127.0.0.1:{os.environ['PLAIN_PORT']}"

    async def stop(self, now=False):
        """Stop nothing."""
        self.running = False

    async def poll(self):
        """Say that it runs if it was started."""
        return None if getattr(self, "running", False) else 0


class NoProxy(Proxy):
    """Routes in memory: the proxy's own memory is not what is compared."""

    should_start = False
    routes = {}

    async def add_route(self, routespec, target, data):
        """Remember it."""
        self.routes[routespec] = {"routespec": routespec, "target": target, "data": data}

    async def delete_route(self, routespec):
        """Forget it."""
        self.routes.pop(routespec, None)

    async def get_all_routes(self):
        """Return all of them."""
        return self.routes


port = int(os.environ["PLAIN_PORT"])
c.JupyterHub.bind_url = c.JupyterHub.hub_bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.spawner_class = NothingSpawner
c.JupyterHub.authenticator_class = DummyAuthenticator
c.JupyterHub.allow_named_servers = True
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.services = [{"name": "bench", "api_token": "0" * 32}]
c.JupyterHub.load_roles = [
    {"name": "bench", "services": ["bench"], "scopes": ["admin:users", "admin:servers", "servers"]}
]
