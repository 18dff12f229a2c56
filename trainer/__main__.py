"""`python -m trainer`, equal to the command `lory-train`."""

from trainer.cli.main import main

main()
