"""``python -m karvdash_hub.cli``."""

from karvdash_hub.cli import main

main()
