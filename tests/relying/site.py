"""A site whose API server trusts the Hub, with Argo's namespace, and applications that sign people in."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import requests

from cluster import binaries
from cluster.certificates import Authority, Leaf
from karvdash_hub.data.settings import DataDomains
from karvdash_hub.policies import Elsewhere, Policies, manifests
from karvdash_hub.settings import Platform
from tests.kube.api_server import ApiServer
from tests.relying.hosts import with_hosts
from tests.relying.trust import argo_objects, authentication
from tests.site.account import HOSTNAME, Account
from tests.site.site import Site
from tests.site.visitor import Visitor

CONFIG = """
c.Kubectl.trusts_oidc = True
c.Argo.namespace = "argo"
c.Argo.url = "https://argo.example.com"
c.OIDCProvider.secret_namespaces = ["argo"]
c.OIDCProvider.clients = [{
    "client_id": "argo",
    "name": "Argo Workflows",
    "redirect_uris": ["https://argo.example.com/oauth2/callback"],
    "secret": "argo/karvdash-oauth-argo",
}]
"""
#: One more application, which a test takes out.
FORMER = """
c.OIDCProvider.clients.append({
    "client_id": "former",
    "redirect_uris": ["https://former.example.com/back"],
    "secret": "argo/karvdash-oauth-former",
})
"""
SCOPES = "openid profile email groups"


class TrustingSite(Site):
    """A platform under https, as docs/howto/sign-in-with-the-hub.md has it, with the policies in force."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, config=CONFIG + FORMER)
        shutil.rmtree(self.cluster.folder)
        self.inside = with_hosts(folder, HOSTNAME)
        flag = f"--authentication-config={folder / 'authentication.yaml'}"
        self.cluster = ApiServer(flag, inside=self.inside)

    @property
    def issuer(self) -> str:
        """The Hub as OpenID Connect provider."""
        return f"{self.hub_url}/hub/oidc"

    def up(self) -> None:
        """Start everything; the API server has to know the site's authority."""
        Authority(self.folder / "tls", "ca").issue(Leaf("site", HOSTNAME, hosts=[HOSTNAME, f"*.{HOSTNAME}"]))
        (self.folder / "authentication.yaml").write_text(authentication(self.issuer, self.ca_file))
        super().up()

    def kubectl(
        self, *words: str, kubeconfig: Path | None = None, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as an administrator, or with somebody's file."""
        file = kubeconfig or self._kubeconfig("admin")
        command = [str(binaries.find("kubectl")), "--kubeconfig", str(file), *words]
        return subprocess.run(command, input=text, text=True, capture_output=True, timeout=60)

    def can_i(self, account: str, verb: str, resource: str, namespace: str) -> bool:
        """Ask what an account may do: kubectl auth can-i --as."""
        flags = [f"--namespace={namespace}"] if namespace else ["--all-namespaces"]
        answer = self.kubectl("auth", "can-i", verb, resource, f"--as={account}", *flags).stdout.strip()
        assert answer in ("yes", "no"), answer
        return answer == "yes"

    def secret(self, name: str) -> dict[str, str]:
        """The values of a Secret in Argo's namespace."""
        found = self.kube("GET", f"/api/v1/namespaces/argo/secrets/{name}")
        return {key: base64.b64decode(value).decode() for key, value in found["data"].items()}

    def application(self, name: str, redirect_uri: str, **more: Any) -> Application:
        """Register an application by the API."""
        body = {"name": name, "redirect_uris": [redirect_uri], **more}
        answer = self.api("POST", "/karvdash/oidc/clients/", body, token=self.boss.token)
        assert answer.status_code == 201, answer.text
        made = answer.json()
        return Application(self, made["client_id"], made["client_secret"] or "", redirect_uri)

    @property
    def boss(self) -> Account:
        """An administrator."""
        if not hasattr(self, "_boss"):
            self._boss = self.account(admin=True)
        return self._boss

    def _install(self) -> None:
        super()._install()
        platform = Platform(public_url=self.hub_url)
        policies = manifests(platform, DataDomains(), Policies(), Elsewhere("argo", ["argo"]))
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [*argo_objects(), *policies]})
        command = [str(binaries.find("kubectl")), "--kubeconfig", str(self._kubeconfig("admin"))]
        subprocess.run([*command, "apply", "--server-side", "-f", "-"], input=text, text=True, check=True)

    def _collector_command(self) -> list[str]:
        """Also what makes accounts, and writes their tokens into Secrets."""
        command = super()._collector_command()
        place = command.index("--controllers") + 1
        command[place] += ",serviceaccount-controller,serviceaccount-token-controller,namespace-controller"
        return [*command, "--service-account-private-key-file", str(self.cluster.folder / "sa.key")]


@dataclass(frozen=True)
class Application:
    """An application that signs people in, as a library would do it."""

    site: TrustingSite
    client_id: str
    secret: str
    redirect_uri: str

    def sign_in(self, browser: Visitor, scope: str = SCOPES) -> dict[str, Any]:
        """Send a browser that is signed in at the Hub through the code flow with PKCE; return the tokens."""
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = urlencode({
            "response_type": "code", "client_id": self.client_id, "redirect_uri": self.redirect_uri,
            "scope": scope, "state": state, "nonce": secrets.token_urlsafe(16),
            "code_challenge": challenge, "code_challenge_method": "S256",
        })  # fmt: skip
        answer = browser.fetch(f"{self.site.issuer}/authorize?{query}")
        assert answer.status == 302, (answer.status, answer.data[:500])
        back = urlsplit(answer.headers["Location"])
        given = {key: value[0] for key, value in parse_qs(back.query).items()}
        assert back._replace(query="").geturl() == self.redirect_uri, answer.headers["Location"]
        assert given.get("state") == state and "code" in given, given
        return self.token(grant_type="authorization_code", code=given["code"], redirect_uri=self.redirect_uri,
                          code_verifier=verifier)  # fmt: skip

    def token(self, **form: str) -> dict[str, Any]:
        """Ask for tokens."""
        auth = (self.client_id, self.secret) if self.secret else None
        body = form if self.secret else {**form, "client_id": self.client_id}
        # Straight to the Hub, as a program in the same cluster might: no name to be found here.
        url = f"http://127.0.0.1:{self.site.hub_port}/hub/oidc/token"
        answer = requests.post(url, data=body, auth=auth, timeout=60)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())
