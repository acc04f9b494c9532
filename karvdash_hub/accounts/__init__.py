"""Local accounts: names, passwords, the table. JupyterHub asks them by ``karvdash_hub.authenticator``.

``passwords.py`` hashes and checks, ``local.py`` authenticates, ``rules.py`` says what may be chosen,
``management.py`` is what pages, API and command line do with accounts.
"""

from karvdash_hub.accounts.local import LocalAccounts
from karvdash_hub.accounts.management import Management
from karvdash_hub.accounts.rules import check_account_name

__all__ = ["LocalAccounts", "Management", "check_account_name"]
