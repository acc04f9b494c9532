"""When which key is made.

An authority is known to Kubernetes for an hour before it signs anything, and trusted until it ends, so no
moment of a renewal is one in which a good server is not believed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from karvdash_hub.admission.authority import Pair, make_authority, make_leaf, read, read_trusted, write

log = logging.getLogger(__name__)

DAY = 86400.0
LEAF_SECONDS, RENEW_SECONDS = 7 * DAY, DAY
AUTHORITY_SECONDS = 365 * DAY
#: Share of an authority's life that is left when its successor is made.
_LAST_PART = 1 / 3
#: Seconds for which a successor is trusted before it signs. API servers learn of it within one.
OVERLAP = 3600.0


@dataclass(frozen=True)
class Files:
    """Where everything is; see ``authority``."""

    cert_file: Path
    key_file: Path
    folder: Path

    def authority(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of ``ca`` or ``next``."""
        return self.folder / f"{name}.crt", self.folder / f"{name}.key"

    @property
    def former(self) -> Path:
        """Authorities that sign no more."""
        return self.folder / "former.crt"

    @property
    def since(self) -> float:
        """Since when Kubernetes has known of the next authority; infinite if it does not."""
        try:
            return float((self.folder / "next.since").read_text())
        except (OSError, ValueError):
            return float("inf")

    def note_published(self, now: float) -> None:
        """Remember that Kubernetes knows all authorities, the next one too."""
        if self.authority("next")[0].exists() and self.since > now:
            write(self.folder / "next.since", f"{now:.0f}".encode())

    def forget_next(self) -> None:
        """Remove the next authority, which has become the present one."""
        for path in (*self.authority("next"), self.folder / "next.since"):
            path.unlink(missing_ok=True)


def prepare(
    files: Files, now: float, *, overlap: float = OVERLAP, rotate: bool = False
) -> tuple[Pair, bytes]:
    """Bring the authorities up to date; return the one that signs and all that are to be trusted (PEM).

    Args:
        overlap: seconds for which a successor is trusted before it signs.
        rotate: make a successor now, whatever the age.
    """
    current, successor = _living(files, "ca", now), _living(files, "next", now)
    if successor is not None and (current is None or now - files.since >= overlap):
        _promote(files, current, successor, now)
        current, successor = successor, None
    if current is None:
        current = make_authority(now, AUTHORITY_SECONDS)
        _store(files.authority("ca"), current)
        log.info("Made a new authority")
    elif successor is None and (rotate or current.ends - now < AUTHORITY_SECONDS * _LAST_PART):
        successor = make_authority(now, AUTHORITY_SECONDS)
        files.forget_next()
        _store(files.authority("next"), successor)
        log.info("Made the authority that will sign in %.0f minutes", overlap / 60)
    trusted = [current.pem, successor.pem if successor else b"", read_trusted(files.former, now)]
    return current, b"".join(trusted)


def _living(files: Files, name: str, now: float) -> Pair | None:
    pair = read(*files.authority(name))
    return pair if pair is not None and pair.ends > now else None


def _promote(files: Files, current: Pair | None, successor: Pair, now: float) -> None:
    former = (current.pem if current else b"") + read_trusted(files.former, now)
    write(files.former, former, 0o644)
    _store(files.authority("ca"), successor)
    files.forget_next()
    log.info("The next authority signs from now on")


def renew(files: Files, authority: Pair, hosts: Sequence[str], now: float, *, force: bool = False) -> bool:
    """Sign a new certificate for the server if it is time; tell whether it was."""
    leaf = read(files.cert_file, files.key_file)
    due = (
        force
        or leaf is None
        or not authority.issued(leaf)
        or not leaf.good_for(hosts)
        or leaf.ends - now < LEAF_SECONDS - RENEW_SECONDS
    )
    if due:
        leaf = make_leaf(authority, hosts, now, LEAF_SECONDS)
        _store((files.cert_file, files.key_file), leaf)
        log.info("Signed a certificate for %s, good for a week", " ".join(hosts))
    return due


def _store(paths: tuple[Path, Path], pair: Pair) -> None:
    # The key first: whoever reads in between sees two that do not fit, and looks again.
    write(paths[1], pair.key_pem)
    write(paths[0], pair.pem, 0o644)
