"""OpenID Connect: the rules by which applications sign people in with the Hub. No HTTP, no database.

One sign-in, with the sections of the specifications (Core is OpenID Connect Core 1.0):

    authorize   checks.py, validator.py   is the request right?        RFC 6749 4.1.1, Core 3.1.2.1
                steps.py                  sign in again? consent?      Core 3.1.2.3, 3.1.2.4
                grants.py                 a code, to the redirect URI  RFC 6749 4.1.2, RFC 9207
    token       grants.py, validator.py   code and verifier for tokens RFC 6749 4.1.3, RFC 7636
                claims.py, keys.py        the ID token, signed         Core 2, RFC 7515
    userinfo    claims.py                 the same claims, fresh       Core 5.3

The grants are oauthlib's, the signatures PyJWT's. ``Store.oidc`` keeps, ``karvdash_hub.provider`` puts
together, ``handlers/oidc_*.py`` speak HTTP. There is no implicit, password, client or device grant.
"""
