"""Benchmarks: every case runs ours and the installed peers alternately in one session and prints ratios."""
