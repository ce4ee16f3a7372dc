"""The inside of a measured process: ``python -m bench.worker MODULE:FUNCTION`` with the job as JSON on stdin.

The function gets the job as a dict and returns a dict of figures, printed as the last line.
"""

import importlib
import json
import sys


def main():
    module, function = sys.argv[1].split(":")
    job = json.load(sys.stdin)
    figures = getattr(importlib.import_module(f"bench.{module}"), function)(job)
    print(flush=True)
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
