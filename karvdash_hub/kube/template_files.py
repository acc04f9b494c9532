"""Service templates in folders: those shipped with the Hub, and an installation's own, which override them.

Files are looked at again when they change. One that cannot be used is reported and hides nothing, not even
a shipped template of the same id.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from karvdash_hub.errors import FieldError, KarvdashError, TemplateInvalid
from karvdash_hub.service_templates import SUFFIX, ServiceTemplate, parse, template_id

Stamp = tuple[int, int, int]
#: What a file (or a Template object) holds: a template, or what is wrong with it.
Outcome = ServiceTemplate | tuple[FieldError, ...]


@dataclass
class Folder:
    """One folder of template files.

    Attributes:
        path: None for none; a folder that does not exist is empty.
        disabled: ids or file names that are left out.
    """

    path: Path | None
    disabled: Collection[str] = ()
    _seen: dict[str, tuple[Stamp, Outcome]] = field(default_factory=dict)

    def read(self) -> bool:
        """Look at the folder and parse what is new or changed; tell whether anything was. Blocks."""
        before = {name: stamp for name, (stamp, _) in self._seen.items()}
        now = dict(self._files())
        if before == now:
            return False
        kept = {name: seen for name, seen in self._seen.items() if now.get(name) == seen[0]}
        self._seen = kept | {name: (now[name], self._outcome(name)) for name in now.keys() - kept.keys()}
        return True

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        """Yield id and outcome of each file, by file name; the id of an unusable name is the name itself."""
        taken: dict[str, str] = {}
        for name, (_, outcome) in sorted(self._seen.items()):
            id = outcome.id if isinstance(outcome, ServiceTemplate) else _id_or_name(name)
            if id in taken:
                message = f"The file {name} is left out: {taken[id]} has the same id."
                yield id, (FieldError(None, "", message),)
                continue
            taken[id] = name
            yield id, outcome

    def _files(self) -> Iterator[tuple[str, Stamp]]:
        try:
            entries = list(os.scandir(self.path)) if self.path else []
        except FileNotFoundError:
            return
        for entry in entries:
            if not entry.name.endswith((".yaml", ".yml")) or self._is_disabled(entry.name):
                continue
            try:
                status = entry.stat()
            except FileNotFoundError:  # removed since the folder was listed
                continue
            yield entry.name, (status.st_mtime_ns, status.st_size, status.st_ino)

    def _is_disabled(self, name: str) -> bool:
        return name in self.disabled or _id_or_name(name) in self.disabled

    def _outcome(self, name: str) -> Outcome:
        assert self.path is not None
        try:
            id = template_id(name)
            text = (self.path / name).read_text(encoding="utf-8-sig")
            return parse(text, id=id, filename=name)
        except TemplateInvalid as error:
            return tuple(error.errors)
        except KarvdashError as error:  # the file's name
            return (FieldError(None, "", error.message),)
        except UnicodeDecodeError as error:
            return (FieldError(None, "", f"The file {name} is not UTF-8 text: byte {error.start}."),)
        except OSError as error:
            return (FieldError(None, "", f"The file {name} cannot be read: {error.strerror}."),)


def _id_or_name(name: str) -> str:
    return name.partition(".")[0] if name.endswith(SUFFIX) else name
