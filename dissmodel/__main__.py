"""``python -m dissmodel``."""

from dissmodel.cli.app import main

main()
