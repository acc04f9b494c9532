"""The gate: tells the front who may open which service, and where it is.

    nginx ── auth_request ──► handlers.AuthHandler
                                gate.Gate.judge
                                  cookie    who has signed in at this host       (signed, no look-up)
                                  people    does the Hub still agree             (asked each half minute)
                                  verdict   decide(request, host, visitor)       (pure)
                                  table     host, path -> addresses of pods      (pure, fed by watches)
          ── upgrade ───────► handlers.RelayHandler: judged alike, then bytes both ways (relay)
          ── error_page ────► handlers.PageHandler: why not, and the next step   (pages)
          ── /.karvdash/ ───► signin: tickets for cookies, past all hosts of a server
    activity tells the Hub which services are used

Tornado and the standard library only: a replica takes about 40 MiB.
"""
