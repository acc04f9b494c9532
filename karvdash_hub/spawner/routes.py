"""Leave services out of JupyterHub's question who was active lately, which stops its event loop.

Every five minutes JupyterHub reads the proxy's table (``update_last_activity``, app.py, 6.1.1), and for each
route with ``last_activity`` finds the user anew in the database, with servers and roles, all in one turn of
the loop: 2 s for 700 services. Their routes lead to the Hub itself, which only sends people on, so the proxy
sees nothing of their use; the gate reports that (``idle.py``). The routes stay, and are checked as before.
"""

from __future__ import annotations

from typing import Any

from karvdash_hub.spawner.registry import Launches


def leave_out_services(proxy: Any, launches: Launches) -> None:
    """Let JupyterHub's proxy, whatever its class, tell no ``last_activity`` of services' routes."""
    stock = proxy.get_all_routes

    async def get_all_routes() -> dict[str, Any]:
        routes: dict[str, Any] = await stock()
        for route in routes.values():
            data = route["data"]
            if launches.row(data.get("user", ""), data.get("server_name", "")) is not None:
                data.pop("last_activity", None)
        return routes

    proxy.get_all_routes = get_all_routes
