"""The cluster under the end-to-end tests: scripts, kubectl and helm as functions, calls from inside."""
