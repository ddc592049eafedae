"""`python -m bench [NAME…]`: run the measurements, all of them when none is named."""

from __future__ import annotations

import sys

from bench import claims, kernel, lifecycle, polls, uploads

BENCHES = {
    "kernel": (kernel.run,),
    "queue": (claims.run, lifecycle.run, polls.run),
    "claims": (claims.run,),
    "lifecycle": (lifecycle.run,),
    "polls": (polls.run,),
    "upload": (uploads.run,),
}


def main() -> None:
    """Run what was asked for."""
    names = sys.argv[1:] or ["kernel", "queue", "upload"]
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"unknown: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    for name in names:
        for bench in BENCHES[name]:
            bench()


main()
