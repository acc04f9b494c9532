"""JupyterHub as the landing page of a Kubernetes cluster for data science."""

__version__ = "0.1.0.dev0"
