"""Another JupyterHub, whose people sign in with their accounts of a site: a plain one, nothing of ours."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
import time
from pathlib import Path

import requests

from demo.node import proxy_command
from tests.gate.conftest import free_ports
from tests.relying.site import TrustingSite
from tests.relying.trust import block

_CONFIG = """
c = get_config()
c.JupyterHub.bind_url = "{url}"
c.JupyterHub.hub_port = {hub_port}
c.JupyterHub.spawner_class = "simple"
c.ConfigurableHTTPProxy.command = {proxy}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_port}"
"""


class OtherHub:
    """The process; ``url`` is what browsers use."""

    def __init__(self, site: TrustingSite, folder: Path) -> None:
        self.site, self.folder = site, folder
        port, self._hub_port, self._proxy_port = free_ports(3)
        self.url = f"http://127.0.0.1:{port}"
        self._process: subprocess.Popen[bytes] | None = None

    def up(self) -> None:
        """Register it at the site, and start it with the configuration of the page."""
        back = f"{self.url}/hub/oauth_callback"
        application = self.site.application("Other Hub", back, client_id="other-hub")
        said = block("python", "GenericOAuthenticator").replace("https://hub.example.com", self.site.hub_url)
        said = said.replace("https://other.example.com", self.url).replace(
            "the client's secret", application.secret
        )
        proxy = shlex.split(shlex.join(proxy_command()))
        text = _CONFIG.format(url=self.url, hub_port=self._hub_port, proxy=proxy, proxy_port=self._proxy_port)
        (self.folder / "config.py").write_text(text + said)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "SSL_CERT_FILE": str(self.site.ca_file),
            "JUPYTERHUB_CRYPT_KEY": secrets.token_hex(32),
        }
        command = [*self.site.inside, sys.executable, "-m", "jupyterhub", "--config", "config.py"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self._process.poll() is None and time.monotonic() < deadline, self.log()
            time.sleep(0.2)

    def down(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)

    def log(self) -> str:
        """What it has written last."""
        return (self.folder / "log").read_text()[-4000:]

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.url}/hub/health", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False
