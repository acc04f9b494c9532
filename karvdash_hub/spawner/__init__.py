"""A service template as a JupyterHub server.

"Launch a template" in five files:

1. ``share/templates/services/hello-kubernetes.template.yaml``: what the author wrote.
2. ``spawner/options.py``: the form or JSON becomes ``LaunchOptions``; a wrong value stops here.
3. ``spawner/spawner.py``, ``start()``: the steps in order.
4. ``service_templates/render.py``: manifests, purely.
5. ``kube/apply.py``: the API server accepts or refuses; a refusal becomes an error with a reason.

``hub.py`` holds what there is once in a Hub (``Karvdash``), ``services.py`` is what pages and API
handlers call, ``reconcile.py`` repairs what a killed Hub left half done, ``door.py`` keeps passwords
out of JupyterHub's database and log, ``notebook.py`` and ``stock.py`` are for JupyterHub's own notebooks.
docs/explanation/launch.md tells the whole story.
"""
