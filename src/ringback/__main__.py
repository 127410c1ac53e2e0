"""`python -m ringback`."""

from ringback.cli import main

main()
