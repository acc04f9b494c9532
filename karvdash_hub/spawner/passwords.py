"""Values of password variables: never in JupyterHub's database, its API, its log, or an annotation.

    form or JSON ─► strip(): the rest may be stored ─► user_options
                       └─► kept here, in memory ─► start() ─► Secret karvdash-<server>-values

The Secret is written with the user's rights, survives a stop and goes with the server's deletion. A Hub
that is killed between form and start has lost the value; the person is told to set it again.

Every way by which something gets into ``user_options`` ends at the database, so that is where they are
stripped (``guard``); ``door.py`` does it earlier for JupyterHub's API, which logs what it receives.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sqlalchemy.event
from jupyterhub import orm
from tornado import web

from karvdash_hub import names
from karvdash_hub.errors import KarvdashError
from karvdash_hub.kube.errors import NotFound
from karvdash_hub.kube.rest import default_account
from karvdash_hub.names import LABEL_KEEP, LABEL_MANAGED_BY, LABEL_SERVER, MANAGED_BY
from karvdash_hub.spawner import options as launch_options
from karvdash_hub.spawner.options import LaunchOptions
from karvdash_hub.spawner.registry import Key

if TYPE_CHECKING:
    from karvdash_hub.spawner.hub import Karvdash


class Passwords:
    """The values between form and Secret, and the Secrets."""

    def __init__(self, karvdash: Karvdash) -> None:
        self._karvdash = karvdash
        # Server -> (template, {variable: value})
        self._kept: dict[Key, tuple[str, dict[str, str]]] = {}

    def guard(self) -> None:
        """Strip whatever is about to be stored as a server's user_options. Lasts as long as the process."""
        sqlalchemy.event.listen(orm.Spawner.user_options, "set", self._before_store, retval=True)

    def _before_store(self, spawner: orm.Spawner, value: Any, _old: Any, _initiator: Any) -> Any:
        if not launch_options.names_template(value):
            return value
        try:
            return self.strip(Key(spawner.user.name, spawner.name), value, before=spawner.user_options)
        except KarvdashError as error:
            raise web.HTTPError(error.status, "%s", error.message) from error

    def strip(
        self, key: Key, options: Mapping[str, Any], *, before: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return what may be stored of user_options that name a template; keep the passwords here.

        Args:
            before: what was stored until now. A password that was given then goes on being valid.
        Raises: ValuesInvalid if the form is wrong, NotFound if there is no such template: which of its
            values are passwords is not known then, so nothing is stored.
        """
        parsed = launch_options.parse(options)
        template = self._karvdash.library.find(self._karvdash.namespace(key.user), parsed.template)
        passwords = template.secret_names
        open_, secret = launch_options.split(parsed, passwords)
        if (
            before is not None
            and launch_options.names_template(before)
            and before["template"] == parsed.template
        ):
            given = {name for name in before.get("secrets") or () if name in passwords}
            open_ = replace(open_, secrets=tuple(sorted(given | set(open_.secrets))))
        if secret:
            known_template, known = self._kept.get(key, (parsed.template, {}))
            self._kept[key] = (
                parsed.template,
                {**(known if known_template == parsed.template else {}), **secret},
            )
        return open_.to_dict()

    def _fresh(self, key: Key, template: str) -> dict[str, str]:
        for_template, values = self._kept.get(key, (template, {}))
        return dict(values) if for_template == template else {}

    def forget(self, key: Key) -> None:
        """Forget values that are on their way to a Secret."""
        self._kept.pop(key, None)

    async def values(self, key: Key, options: LaunchOptions) -> dict[str, str]:
        """Return the values of a server's password variables, newest first, oldest from its Secret.

        Raises: KarvdashError that names those which were given once and are lost, KubeError.
        """
        fresh = self._fresh(key, options.template)
        if set(options.secrets) <= set(fresh):
            return fresh
        values = {**await self._stored(key), **fresh}
        if lost := sorted(set(options.secrets) - set(values)):
            raise KarvdashError(
                f"The value of {', '.join(lost)} is not known any more, because the Hub was stopped before "
                "it was kept. Set it again.",
                "password-lost",
                409,
            )
        return {name: values[name] for name in options.secrets}

    async def save(self, key: Key, values: Mapping[str, str]) -> None:
        """Write the Secret, if there is anything new. Raises: KubeError."""
        if not values or key not in self._kept:
            return
        namespace = self._karvdash.namespace(key.user)
        await self._karvdash.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {
                    "name": names.values_secret_name(key.server),
                    "namespace": namespace,
                    "labels": {LABEL_SERVER: key.server, LABEL_MANAGED_BY: MANAGED_BY, LABEL_KEEP: "true"},
                },
                "data": {name: base64.b64encode(value.encode()).decode() for name, value in values.items()},
            },
            as_user=default_account(namespace),
        )
        self.forget(key)

    async def settle(self, key: Key, options: LaunchOptions) -> None:
        """Write what is kept into the Secret, without a launch. Raises: KarvdashError."""
        if key in self._kept:
            await self._karvdash.ensure_namespace(key.user)
            await self.save(key, await self.values(key, options))

    async def _stored(self, key: Key) -> dict[str, str]:
        namespace = self._karvdash.namespace(key.user)
        name = names.values_secret_name(key.server)
        try:
            secret = await self._karvdash.kube.get(
                "v1", "Secret", name, namespace, as_user=default_account(namespace)
            )
        except NotFound:
            return {}
        data = secret.get("data") or {}
        return {key: base64.b64decode(value).decode() for key, value in data.items()}
