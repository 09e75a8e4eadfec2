"""``python -m mailglass`` is the command ``mailglass``."""

from mailglass.app import main

main()
