"""The scopes that karvdash_hub adds to JupyterHub's own.

They have to be known before a handler says ``@needs_scope("custom:karvdash:…")``, which JupyterHub checks
when the handler's module is imported, and ``JupyterHub.custom_scopes`` has to be the same dictionary.
"""

from __future__ import annotations

from jupyterhub.scopes import define_custom_scopes

SCOPES: dict[str, dict[str, object]] = {
    "custom:karvdash:templates": {"description": "List and read service templates."},
    "custom:karvdash:templates:write": {
        "description": "Add and delete one's own service templates.",
        "subscopes": ["custom:karvdash:templates"],
    },
    "custom:karvdash:exec": {"description": "Run commands inside one's own services."},
    "custom:karvdash:users": {
        "description": "Manage accounts: add, activate, deactivate, delete. Administrators have admin:users."
    },
    "custom:karvdash:oidc": {
        "description": "Manage the applications that sign people in. Administrators have admin:users."
    },
    "custom:karvdash:audit": {
        "description": "Read the whole audit log; everybody may read what is about oneself."
    },
    "custom:karvdash:gate": {
        "description": "Ask whether a person may open a service, and exchange tickets. For the gate."
    },
}

define_custom_scopes(SCOPES)
