"""`python -m sigmagen`."""

from sigmagen.cli.main import main

if __name__ == "__main__":
    main()
