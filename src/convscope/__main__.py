"""``python -m convscope``."""

from convscope.surfaces.command import main

main()
