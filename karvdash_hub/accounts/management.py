"""What may be done with accounts, for pages, API and command line alike.

Everything is checked here, written together with the orders that the Hub carries out
(``spawner/standing.py``), and entered into the audit log. Who may ask is the caller's to check. Passwords
come as hashes, made where nothing waits for it; ``check_new`` and ``check_password`` are for their texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from karvdash_hub.accounts.rules import email_mistakes, name_mistakes, password_mistakes
from karvdash_hub.errors import Busy, Conflict, FieldError, NotFound, Taken, ValuesInvalid
from karvdash_hub.store import Store

Services = Literal["keep", "stop"]
#: Sign-ups that may wait for an administrator at the same time.
MOST_WAITING = 500


@dataclass(frozen=True)
class Management:
    """Accounts of one store, changed by one actor.

    Attributes:
        actor: user name of who asks, "" for the command line and for who has no account yet.
        via: ``page``, ``api`` or ``command``.
    """

    store: Store
    actor: str = ""
    via: str = "page"

    # --- making --------------------------------------------------------------------------

    def check_new(self, name: str, email: str, password: str, *, email_required: bool = False) -> None:
        """Refuse what cannot be a new account. Raises: ValuesInvalid with every mistake."""
        mistakes = name_mistakes(name)
        if not mistakes and self.store.account(name) is not None:
            mistakes.append(FieldError(None, "name", f"The name {name} is taken. Choose another one."))
        mistakes += self._email_mistakes(name, email, required=email_required)
        mistakes += password_mistakes(password, name=name, email=email)
        if mistakes:
            raise ValuesInvalid(mistakes)

    def sign_up(self, name: str, email: str, password_hash: str) -> None:
        """Ask for an account that an administrator has to activate. ``check_new`` has to come first.

        Raises: Taken, Busy if too many are waiting.
        """
        waiting = sum(not account.active for account in self.store.accounts())
        if waiting - len(self.store.people.all_deactivated()) >= MOST_WAITING:
            raise Busy("Too many people wait for their account. Ask an administrator.", "sign-up")
        self.store.add_account(name, password_hash, admin=False, active=False)
        self._set_email(name, email, asked=True)
        self._note("account.sign-up", name)

    def add(self, name: str, email: str, password_hash: str, *, admin: bool = False) -> None:
        """Add an account that can be used at once. ``check_new`` has to come first. Raises: Taken."""
        self.store.add_account(name, password_hash, admin=admin)
        self._set_email(name, email)
        self._note("account.add", name, "admin" if admin else "")

    # --- changing ------------------------------------------------------------------------

    def mistakes(
        self, name: str, *, email: str | None = None, password: str | None = None
    ) -> list[FieldError]:
        """Say what is wrong with a new e-mail address and a new password; None is not looked at."""
        found = [] if email is None else self._email_mistakes(name, email.strip(), required=False)
        if password is not None:
            known = email if email is not None else self.store.people.profile(name).email
            found += password_mistakes(password, name=name, email=known or "")
        return found

    def check_password(self, name: str, password: str) -> None:
        """Refuse what cannot be this person's password. Raises: ValuesInvalid."""
        if mistakes := self.mistakes(name, password=password):
            raise ValuesInvalid(mistakes)

    def set_password(self, name: str, password_hash: str) -> None:
        """Replace a password and end all sign-ins. Raises: NotFound."""
        if not self.store.set_password(name, password_hash):
            raise _no_account(name)
        self.store.people.order(name, "sessions")
        self._note("account.password", name)

    def set_email(self, name: str, email: str) -> None:
        """Replace the e-mail address, "" for none. Raises: ValuesInvalid."""
        if mistakes := self._email_mistakes(name, email, required=False):
            raise ValuesInvalid(mistakes)
        self.store.people.set_email(name, email)
        self._note("account.email", name)

    def set_admin(self, name: str, admin: bool) -> None:
        """Promote or demote. Raises: Conflict for oneself and for the last administrator."""
        if not admin:
            self._not_oneself(name, "demote")
            self._not_the_last(name)
        self.store.set_admin(name, admin)
        self.store.people.order(name, "role")
        self._note("account.promote" if admin else "account.demote", name)

    def activate(self, name: str) -> None:
        """Let somebody in, for the first time or again. Raises: Conflict if the person is being deleted."""
        self._not_removed(name)
        self.store.people.activate(name)
        self._note("account.activate", name)

    def deactivate(self, name: str, services: Services = "stop") -> None:
        """Let somebody do nothing any more; what runs is stopped or kept.

        Raises: Conflict for oneself and for the last administrator.
        """
        self._not_oneself(name, "deactivate")
        self._not_the_last(name)
        self.store.people.deactivate(name, services)
        self._note("account.deactivate", name, f"services: {services}")

    def remove(self, name: str) -> None:
        """Have a person deleted with services, namespace and account; until then the person is barred.

        Raises: Conflict for oneself and for the last administrator.
        """
        self._not_oneself(name, "delete")
        self._not_the_last(name)
        self.store.people.remove(name)
        self._note("account.delete", name)

    # --- parts ---------------------------------------------------------------------------

    def _email_mistakes(self, name: str, email: str, *, required: bool) -> list[FieldError]:
        mistakes = email_mistakes(email, required=required)
        if not mistakes and email and self.store.people.user_of_email(email) not in (None, name):
            mistakes.append(FieldError(None, "email", f"Somebody else has the e-mail address {email}."))
        return mistakes

    def _set_email(self, name: str, email: str, *, asked: bool = False) -> None:
        try:
            self.store.people.set_email(name, email, asked=asked)
        except Taken:
            # Between the check and now; without its address the account would be half a one.
            self.store.remove_account(name)
            raise

    def _not_oneself(self, name: str, verb: str) -> None:
        if name == self.actor:
            raise Conflict(f"You cannot {verb} yourself. Another administrator can.", "oneself")

    def _not_removed(self, name: str) -> None:
        if any(order.kind == "remove" for order in self.store.people.orders(name)):
            raise Conflict(f"{name} is being deleted. Try again in a minute.", "being-deleted")

    def _not_the_last(self, name: str) -> None:
        account = self.store.account(name)
        if account is None or not (account.admin and account.active):
            return
        if not any(one.admin and one.active and one.name != name for one in self.store.accounts()):
            raise Conflict(
                f"{name} is the last administrator. Promote somebody else first.",
                "last-admin",
            )

    def _note(self, action: str, subject: str, what: str = "") -> None:
        self.store.audit.add(action, subject=subject, actor=self.actor, object=what, via=self.via)


def _no_account(name: str) -> NotFound:
    return NotFound(f"There is no account {name}.", "account")
