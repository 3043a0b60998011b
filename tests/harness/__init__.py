"""What the black-box suites share: the runtime as a process, applications for it to serve, clients
that show the exact bytes, and readers of its logs and metrics. Needs only the standard library and
grpcio (with protoc), so the core suites run on Debian's own packages."""
