"""/hub/api/karvdash/orphans/: namespaces and services that no database knows. For administrators."""

from __future__ import annotations

from jupyterhub.scopes import needs_scope

from karvdash_hub.errors import KarvdashError
from karvdash_hub.handlers.base import ApiHandler
from karvdash_hub.spawner.adoption import Orphan


class OrphansHandler(ApiHandler):
    """All orphans."""

    @needs_scope("admin:servers")  # type: ignore[untyped-decorator]
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def get(self) -> None:
        """List them."""
        self.reply({"objects": [one._asdict() for one in self.karvdash.adoption.orphans()]})


class OrphanHandler(ApiHandler):
    """One orphaned service, or everything orphaned in a namespace."""

    @needs_scope("admin:servers")  # type: ignore[untyped-decorator]
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def post(self, namespace: str, service: str = "") -> None:
        """Adopt. What cannot be adopted is told, and costs the others nothing."""
        adoption = self.karvdash.adoption
        done: list[Orphan] = []
        refused: list[dict[str, str]] = []
        for orphan in adoption.find(namespace, service):
            try:
                await adoption.adopt(self, self.user_from_username, orphan)
                done.append(orphan)
            except KarvdashError as error:
                refused.append({**orphan._asdict(), "error": error.message})
        self.reply({"adopted": [one._asdict() for one in done], "refused": refused}, 409 if refused else 200)

    @needs_scope("admin:servers")  # type: ignore[untyped-decorator]
    @needs_scope("admin:users")  # type: ignore[untyped-decorator]
    async def delete(self, namespace: str, service: str = "") -> None:
        """Delete a service, or the whole namespace if that is an orphan, else each orphan in it."""
        adoption = self.karvdash.adoption
        found = adoption.find(namespace, service)
        # A namespace comes before its services, and takes them with it.
        for orphan in found[:1] if not found[0].service else found:
            await adoption.delete(orphan)
        self.set_status(204)
        self.finish()
