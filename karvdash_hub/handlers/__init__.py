"""The doors of the Hub: pages and API.

    pages*.py      what people see: home, catalogue, launch form, the page of a service
    api_*.py       the same for programs, in Karvdash's wire format; the gate's questions
    grant.py       the ways from the Hub to a service's own host
    acting.py      the same pages and API about somebody else, for administrators
    base.py        who asks, what they may do, how mistakes are answered
    streams.py     server-sent events
    oidc_*.py      the OpenID Connect provider
    present.py, fields.py   pure: how a service and a form look

A handler reads the request, calls one function of ``spawner.services``, ``kube.library`` or ``store``,
and writes one answer. Docs: docs/reference/api.md.
"""

from __future__ import annotations

from typing import Any

from karvdash_hub.share import share_dir


def sign_up_handlers() -> list[tuple[Any, ...]]:
    """Return the routes that only an authenticator with local accounts has."""
    from karvdash_hub.handlers import pages_account

    return [(r"/signup", pages_account.SignUpHandler)]


def default_handlers() -> list[tuple[Any, ...]]:
    """Return the routes below /hub, for ``Authenticator.get_handlers``, ahead of JupyterHub's own."""
    # Imported late: needs_scope knows our scopes only after karvdash_hub.scopes has been imported.
    from jupyterhub.handlers.static import CacheControlStaticFilesHandler

    from karvdash_hub.handlers import (
        acting,
        api_accounts,
        api_gate,
        api_oidc,
        api_orphans,
        api_services,
        api_templates,
        api_user,
        grant,
        hub_users,
        oidc_routes,
        pages,
        pages_account,
        pages_accounts,
        pages_applications,
        pages_audit,
        pages_connect,
        pages_launch,
        pages_service,
        pages_share,
    )

    api, name, template = r"/api/karvdash", r"([^/]+)", r"([^/]+)"
    own: list[tuple[Any, ...]] = [
        (r"/home", pages.HomeHandler),
        (r"/catalogue", pages.CatalogueHandler),
        (rf"/launch/{template}", pages_launch.LaunchHandler),
        (r"/templates", pages.UploadHandler),
        (rf"/templates/{template}", pages.TemplateTextHandler),
        (rf"/templates/{template}/delete", pages.TemplateDeleteHandler),
        (rf"/service/{name}", pages_service.ServicePageHandler),
        (rf"/service/{name}/passwords", pages_service.PasswordsHandler),
        (rf"/service/{name}/start", pages_service.StartPageHandler),
        (rf"/service/{name}/stop", pages_service.StopPageHandler),
        (rf"/service/{name}/change", pages_service.ChangePageHandler),
        (rf"/service/{name}/delete", pages_service.DeletePageHandler),
        (rf"/service/{name}/share", pages_share.SharePageHandler),
        (rf"/service/{name}/unshare", pages_share.UnsharePageHandler),
        (rf"/service/{name}/keep", pages_share.KeepPageHandler),
        (r"/notebook(?:/([^/]+))?/(start|stop|keep)", pages_service.NotebookHandler),
        (rf"{api}/events/?", api_user.UserEventsHandler),
        (rf"{api}/services/?", api_services.ServicesHandler),
        (rf"{api}/services/{name}/?", api_services.ServiceHandler),
        (rf"{api}/services/{name}/start/?", api_services.StartHandler),
        (rf"{api}/services/{name}/stop/?", api_services.StopHandler),
        (rf"{api}/services/{name}/events/?", api_services.EventsHandler),
        (rf"{api}/services/{name}/logs/?", api_services.LogsHandler),
        (rf"{api}/templates/?", api_templates.TemplatesHandler),
        (rf"{api}/templates/{template}/?", api_templates.TemplateHandler),
        (rf"{api}/templates/{template}/preview/?", api_templates.PreviewHandler),
    ]
    return [
        *own,
        *acting.routes(own),
        *hub_users.handlers(),
        *oidc_routes.routes(),
        (r"/account", pages_account.AccountHandler),
        (r"/account/(email|password)", pages_account.AccountHandler),
        (r"/accounts", pages_accounts.AccountsHandler),
        (rf"/accounts/{name}", pages_accounts.PersonHandler),
        (rf"/accounts/{name}/({pages_accounts.VERBS})", pages_accounts.PersonChangeHandler),
        (r"/audit(?:\.(csv|jsonl))?", pages_audit.AuditPageHandler),
        (r"/applications", pages_applications.ApplicationsHandler),
        (rf"/applications/{name}/remove", pages_applications.ApplicationRemoveHandler),
        (r"/connect", pages_connect.ConnectHandler),
        (r"/connect/kubeconfig", pages_connect.KubeconfigHandler),
        (rf"/connect/(kubeconfig|token|application)/{name}/revoke", pages_connect.TakeBackHandler),
        (rf"{api}/oidc/clients/?", api_oidc.ClientsHandler),
        (rf"{api}/oidc/clients/{name}/?", api_oidc.ClientHandler),
        (rf"{api}/users/?", api_accounts.UsersHandler),
        (rf"{api}/users/{name}/?", api_accounts.UserHandler),
        (rf"{api}/audit/?", api_accounts.AuditHandler),
        (r"/karvdash/grant", grant.GrantHandler),
        (r"/logout", grant.SignOutHandler),
        (r"/karvdash/static/(.*)", CacheControlStaticFilesHandler, {"path": str(share_dir("static"))}),
        (r"/user/([^/]+)/([^/]+)(/.*)?", grant.ServiceUrlHandler),
        (rf"{api}/whoami/?", api_user.WhoamiHandler),
        (rf"{api}/orphans/?", api_orphans.OrphansHandler),
        (rf"{api}/orphans/([^/]+)/?", api_orphans.OrphanHandler),
        (rf"{api}/orphans/([^/]+)/([^/]+)/?", api_orphans.OrphanHandler),
        (rf"{api}/gate/tickets/?", api_gate.TicketsHandler),
        (rf"{api}/gate/tokens/?", api_gate.TokensHandler),
        (rf"{api}/gate/sessions/?", api_gate.SessionsHandler),
        (rf"{api}/gate/activity/?", api_gate.ActivityHandler),
        (rf"{api}/gate/why/?", api_gate.WhyHandler),
    ]
