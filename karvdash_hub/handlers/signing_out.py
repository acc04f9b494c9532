"""Signing out, however it was asked for: it ends every sign-in of the person."""

from __future__ import annotations

from typing import Any

from jupyterhub import orm

from karvdash_hub.handlers import oidc_session


def end_sign_ins(handler: Any) -> None:
    """Make all cookies of the person worthless, on other machines too, and end sign-ins at applications.

    JupyterHub only takes the cookie out of this browser; a copy of it stays good for two weeks. The new
    ``cookie_id`` also ends the sessions at services, of which the gate asks every 30 s.
    """
    user = handler.current_user
    handler.karvdash.store.oidc.end_user(user.name)
    user.orm_user.cookie_id = orm.new_token()
    handler.db.commit()


def end_session(handler: Any) -> None:
    """The same, and take the cookies out of this browser, as /hub/logout does."""
    name = handler.current_user.name
    # First, while the cookie says whose it is: it ends the tokens of this session at notebooks.
    handler.clear_login_cookie()
    oidc_session.forget_sign_in(handler)
    end_sign_ins(handler)
    handler.log.info("User logged out: %s", name)
    handler.settings["karvdash_recorder"].note("sign-out", actor=name, subject=name)
