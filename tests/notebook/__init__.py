"""JupyterHub's own notebooks beside service templates: what a person sees, and what a notebook may do."""
