"""``python -m fastembed`` is the command ``fastembed``."""

from .cli import main

if __name__ == "__main__":
    main()
