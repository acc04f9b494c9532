"""``TemplateLibrary``: what a user may launch, in memory.

    bundled files  <  the installation's files (state_dir)       for everybody
    Template objects in the user's namespace                     for that user

A user's own template never takes the place of a file's. One that cannot be used, from wherever it comes,
is among the problems and hides no other. Template objects are Karvdash's: ``spec.data`` is the YAML text in
base64. They are read by a watch and written with the user's rights; ``kubectl get templates`` lists them.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import random
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from karvdash_hub.errors import FieldError, Forbidden, NotFound, TemplateInvalid
from karvdash_hub.kube import errors as kube_errors
from karvdash_hub.kube.config import KubeConfig
from karvdash_hub.kube.rest import Kube, default_account
from karvdash_hub.kube.template_files import Folder, Outcome
from karvdash_hub.kube.template_objects import (
    API_VERSION,
    KIND,
    Stored,
    project_template,
    template_manifest,
)
from karvdash_hub.kube.watch import Key, Watch
from karvdash_hub.service_templates import ServiceTemplate, custom_id, parse

log = logging.getLogger(__name__)

#: Seconds between looks at the folders: a dozen stat calls, in a thread.
_LOOK = 2.0
#: Seconds to wait until what was written is seen by the watch.
_SEEN = 5.0
#: Ids that are tried for a new template before giving up.
_TRIES = 5
#: Templates of one user that are read. Users write them with kubectl too, and the Hub keeps them in memory.
MOST_OWN = 100


class TemplateLibrary:
    """All service templates of an installation.

    Args:
        bundled_dir: templates shipped with the Hub.
        state_dir: its ``templates/`` adds to them and overrides them; "" for none.
        disabled: ids or file names of bundled templates that nobody is offered.
    """

    def __init__(
        self,
        bundled_dir: Path,
        state_dir: str | Path,
        disabled: Collection[str],
        config: KubeConfig,
        kube: Kube,
    ) -> None:
        self._kube = kube
        self._folders = (
            Folder(Path(state_dir) / "templates" if state_dir else None),
            Folder(bundled_dir, disabled),
        )
        self._platform: dict[str, ServiceTemplate] = {}
        self._platform_problems: list[tuple[str, tuple[FieldError, ...]]] = []
        self._watch = Watch(config, f"/apis/{API_VERSION}/templates", project=project_template)
        self._own: dict[str, dict[str, Stored]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._changed = asyncio.Event()
        self._news = asyncio.Condition()
        self._random = random.SystemRandom()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Read the files, which are known when this returns, and begin to watch. Needs a running loop."""
        self._read_files()
        self._watch.subscribe(self._take)
        self._watch.start()
        self._task = asyncio.get_running_loop().create_task(self._run(), name="service templates")

    async def stop(self) -> None:
        """End the watch."""
        await self._watch.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def synced(self) -> None:
        """Wait until users' own templates have been read once."""
        await self._watch.synced.wait()
        await self._until(lambda: self._texts().keys() <= self._outcomes.keys())

    def for_user(self, namespace: str) -> list[ServiceTemplate]:
        """Return what the user with this namespace may launch: the platform's by id, then their own by id."""
        own = self._own_outcomes(namespace)
        usable = {id: found for id, found in own.items() if isinstance(found, ServiceTemplate)}
        return [self._platform[id] for id in sorted(self._platform)] + [
            usable[id] for id in sorted(usable.keys() - self._platform.keys())
        ]

    def find(self, namespace: str, id: str) -> ServiceTemplate:
        """Return one template.

        Raises: NotFound; TemplateInvalid if there is one which cannot be used.
        """
        if found := self._platform.get(id):
            return found
        outcome = self._own_outcomes(namespace).get(id) or dict(self._platform_problems).get(id)
        if outcome is None:
            raise NotFound(f"There is no service template {id!r}.")
        if isinstance(outcome, ServiceTemplate):
            return outcome
        raise TemplateInvalid(outcome)

    def problems(self, namespace: str) -> list[dict[str, Any]]:
        """Return ``{"id", "errors", "custom"}`` of each file or own template that cannot be used.

        ``errors`` are FieldErrors; ``custom`` tells whether it is the user's own.
        """
        found: list[dict[str, Any]] = [
            {"id": id, "errors": list(errors), "custom": False} for id, errors in self._platform_problems
        ]
        for id, outcome in sorted(self._own_outcomes(namespace).items()):
            if not isinstance(outcome, ServiceTemplate):
                found.append({"id": id, "errors": list(outcome), "custom": True})
            elif id in self._platform:
                message = "The platform has a template of this id, which is used instead of yours."
                found.append({"id": id, "errors": [FieldError(None, "", message)], "custom": True})
        if outage := self._watch.outage.text:
            cure = " Is the kind Template installed (share/rbac/crd.yaml)?" if " 404" in outage else ""
            message = f"Users' own templates may be out of date. {outage}{cure}"
            found.append({"id": "templates", "errors": [FieldError(None, "", message)], "custom": False})
        return found

    async def add(self, namespace: str, text: str) -> ServiceTemplate:
        """Store a template of the user's own under a new id, and wait until it is known.

        Raises: TemplateInvalid, KubeError.
        """
        template = await asyncio.to_thread(parse, text, id="new", custom=True)
        for _ in range(_TRIES):
            id = custom_id(template.name, self._random)
            if id in self._platform:
                continue
            try:
                await self._kube.create(
                    template_manifest(namespace, id, template), as_user=default_account(namespace)
                )
            except kube_errors.AlreadyExists:
                continue
            await self._until(partial(self._knows, namespace, id))
            return dataclasses.replace(template, id=id)
        raise kube_errors.AlreadyExists(f"No free id was found for {template.name}. Try again.")

    async def remove(self, namespace: str, id: str) -> None:
        """Delete a template of the user's own, usable or not, and wait until it is gone.

        Raises: NotFound; Forbidden for one of the platform's; KubeError.
        """
        known = id in self._own.get(namespace, {})
        if id in self._platform and not known:
            raise Forbidden(f"The service template {id!r} belongs to the platform and cannot be deleted.")
        if self._watch.healthy and not known:
            raise NotFound(f"There is no service template {id!r} of yours.")
        try:
            await self._kube.delete(API_VERSION, KIND, id, namespace, as_user=default_account(namespace))
        except (kube_errors.NotFound, kube_errors.Invalid):
            raise NotFound(f"There is no service template {id!r} of yours.") from None
        await self._until(lambda: id not in self._own.get(namespace, {}))

    async def _run(self) -> None:
        while True:
            try:
                if await asyncio.to_thread(self._look):
                    self._merge()
                await self._parse_new()
            except Exception:
                # A defect of ours. Everything known stays as it was, and the next look may do better.
                log.exception("Reading service templates failed")
            async with self._news:
                self._news.notify_all()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _read_files(self) -> None:
        self._look()
        self._merge()

    def _look(self) -> bool:
        changed = [folder.read() for folder in self._folders]  # all of them, not up to the first
        return any(changed)

    def _merge(self) -> None:
        """Put the folders together; the first one that has an id wins."""
        platform: dict[str, ServiceTemplate] = {}
        problems: list[tuple[str, tuple[FieldError, ...]]] = []
        for folder in self._folders:
            for id, outcome in folder.outcomes():
                if isinstance(outcome, ServiceTemplate):
                    platform.setdefault(id, outcome)
                else:
                    problems.append((id, outcome))
        for id, errors in problems:
            log.warning("Service template %s cannot be used: %s", id, "; ".join(map(str, errors)))
        self._platform, self._platform_problems = platform, problems

    def _take(self, key: Key, old: Stored | None, new: Stored | None) -> None:
        namespace, name = key
        own = self._own.setdefault(namespace, {})
        if new is None:
            own.pop(name, None)
        else:
            own[name] = new
            if len(own) > MOST_OWN:
                new.drop(f"is not read, as there are {MOST_OWN} others. Delete some, and add this one anew.")
        if not own:
            del self._own[namespace]
        self._changed.set()

    def _texts(self) -> dict[str, str]:
        """Return users' own templates by digest: the same text is parsed once, whoever has it."""
        return {s.digest: s.text for own in self._own.values() for s in own.values() if s.text is not None}

    async def _parse_new(self) -> None:
        self._changed.clear()
        texts = self._texts()
        self._outcomes = {digest: outcome for digest, outcome in self._outcomes.items() if digest in texts}
        for digest in texts.keys() - self._outcomes.keys():
            text = texts[digest]
            try:
                self._outcomes[digest] = await asyncio.to_thread(parse, text, id="own", custom=True)
            except TemplateInvalid as error:
                self._outcomes[digest] = tuple(error.errors)

    def _own_outcomes(self, namespace: str) -> dict[str, Outcome]:
        found: dict[str, Outcome] = {}
        for id, stored in self._own.get(namespace, {}).items():
            if stored.text is None:
                found[id] = (FieldError(None, "spec.data", stored.problem),)
            elif outcome := self._outcomes.get(stored.digest):
                found[id] = outcome
                if isinstance(outcome, ServiceTemplate):
                    found[id] = dataclasses.replace(outcome, id=id)
        return found

    def _knows(self, namespace: str, id: str) -> bool:
        return id in self._own_outcomes(namespace)

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until the library shows what was written, but not for ever: it is stored in any case."""
        try:
            async with asyncio.timeout(_SEEN), self._news:
                await self._news.wait_for(condition)
        except TimeoutError:
            log.warning("The watch of service templates is behind by more than %g s", _SEEN)
