"""Local accounts: names, passwords, the table. JupyterHub asks them by ``karvdash_hub.authenticator``.

``passwords.py`` hashes and checks, ``local.py`` adds, changes and authenticates.
"""

from karvdash_hub.accounts.local import LocalAccounts, check_account_name

__all__ = ["LocalAccounts", "check_account_name"]
