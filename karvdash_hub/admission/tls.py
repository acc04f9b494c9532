"""The server's certificate, taken from its files again whenever they change, without a pause."""

from __future__ import annotations

import calendar
import logging
import re
import ssl
import time
from pathlib import Path

from tornado.httpserver import HTTPServer

log = logging.getLogger(__name__)

#: Seconds between two looks at the files.
INTERVAL = 1.0
#: Two ASN.1 times in a row: UTCTime or GeneralizedTime. In a certificate only the validity is that.
#: ref: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5
_VALIDITY = re.compile(
    rb"(?:\x17\x0d\d{12}|\x18\x0f\d{14})Z(?:\x17\x0d(?P<short>\d{12})|\x18\x0f(?P<long>\d{14}))Z", re.DOTALL
)


class NoCertificate(Exception):
    """The files cannot be used (yet)."""


class Certificate:
    """Certificate and key in two files.

    Attributes:
        expires: Unix time at which the loaded certificate ends; 0 before one is loaded.
    """

    def __init__(self, cert_file: Path, key_file: Path) -> None:
        self.expires = 0.0
        self._files = (cert_file, key_file)
        self._stamp: object = None

    @property
    def expired(self) -> bool:
        """Whether the loaded certificate has ended: the API server accepts it no more."""
        return self.expires < time.time()

    def changed(self) -> bool:
        """Tell whether the files differ from those that were loaded last."""
        return self._look() != self._stamp

    def load(self) -> ssl.SSLContext:
        """Make a context of the files as they are now.

        Always a new one: a half-written pair must not spoil the one in use.
        Raises: NoCertificate with a sentence.
        """
        stamp = self._look()
        cert_file, key_file = self._files
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(cert_file, key_file)
            expires = not_after(cert_file.read_text())
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise NoCertificate(f"{cert_file} and {key_file} cannot be used: {error}") from None
        self._stamp, self.expires = stamp, expires
        return context

    def refresh(self, server: HTTPServer) -> None:
        """Let new connections use the files if they changed; whoever is connected stays connected."""
        if not self.changed():
            return
        try:
            # What TCPServer reads for each connection that it accepts.
            server.ssl_options = self.load()
        except NoCertificate as error:
            log.warning("Going on with the former certificate: %s", error)
        else:
            log.info("A new certificate is in use, until %s", shown(self.expires))

    def _look(self) -> object:
        try:
            return [(s.st_mtime_ns, s.st_ino, s.st_size) for s in map(Path.stat, self._files)]
        except OSError:
            return None


def not_after(pem: str) -> float:
    """Return the Unix time at which the first certificate of a PEM file ends.

    Raises: ValueError.
    """
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    first, found, _ = pem.partition(end)
    if not found or begin not in first:
        raise ValueError("there is no certificate in it")
    der = ssl.PEM_cert_to_DER_cert(begin + first.partition(begin)[2] + end)
    if not (match := _VALIDITY.search(der)):
        raise ValueError("the certificate has no end")
    # Two digits of a year mean 1950 to 2049.
    text = (match["long"] or (b"20" if match["short"] < b"5" else b"19") + match["short"]).decode()
    return calendar.timegm(time.strptime(text, "%Y%m%d%H%M%S"))


def shown(moment: float) -> str:
    """Write a time for people."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(moment))
