"""`python -m trainer`: the same as the command `lory-train`."""

from trainer.cli.main import main

main()
