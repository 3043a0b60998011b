"""The parts of tools/run_tests.py: kinds of suites, their counts, the tools they need."""
