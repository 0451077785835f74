"""`python -m autofix_nb diagnose ...`: the command where the folder of installed commands is not on the path."""

from autofix_nb.cli import run

if __name__ == "__main__":
    run()
