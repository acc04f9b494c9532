"""Chromium at a site: every name below ``karvdash.test`` is this machine, and its CA is known."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.sync_api import Browser, BrowserContext, Page

from tests.fixtures.chromium import chromium
from tests.site.site import Account, Site


@contextmanager
def chromium_at(site: Site) -> Iterator[Browser]:
    """Start it; it takes the site's own certificate, and no other that is not signed by a known CA."""
    certificate = x509.load_pem_x509_certificate((site.folder / "tls" / "site.crt").read_bytes())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    pin = base64.b64encode(hashlib.sha256(key).digest()).decode()
    names = "--host-resolver-rules=MAP *.karvdash.test 127.0.0.1"
    with chromium(names, f"--ignore-certificate-errors-spki-list={pin}") as browser:
        yield browser


def sign_in(context: BrowserContext, who: Account) -> Page:
    """Sign in at the Hub's form; returns the home page."""
    page = context.new_page()
    page.goto(f"{who.site.hub_url}/hub/home")
    page.fill("#username_input", who.name)
    page.fill("#password_input", who.password)
    page.click("#login_submit")
    page.wait_for_url(f"{who.site.hub_url}/hub/home")
    return page
