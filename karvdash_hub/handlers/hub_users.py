"""JupyterHub's own API of users, which its admin page calls, kept in step with the accounts."""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers.users import UserAPIHandler

from karvdash_hub.spawner.hub import Karvdash


class HubUserHandler(UserAPIHandler):  # type: ignore[misc]
    """One user of JupyterHub, as it has it."""

    async def patch(self, user_name: str) -> None:
        """Change a user; who is promoted or demoted stays so at the next sign-in."""
        await super().patch(user_name)
        karvdash: Karvdash = self.settings["karvdash"]
        user = self.find_user(user_name)
        if user is not None:
            karvdash.store.set_admin(user.name, bool(user.admin))


def handlers() -> list[tuple[str, Any]]:
    """Return the route, as JupyterHub writes it (apihandlers/users.py, 6.1.1)."""
    return [(r"/api/users/([^/]+)", HubUserHandler)]
