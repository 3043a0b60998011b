// Extensions that SQLite's static archive has and no store here uses. Full text search, R*Trees and
// the tables about statements and pages would be a third of the library in the program; every
// connection asks for them when it opens, and is told here that there is nothing to do.

// The names are those of the library.
// NOLINTBEGIN(readability-identifier-naming)
extern "C" {

int sqlite3Fts3Init(void* /*connection*/) {
  return 0;
}
int sqlite3Fts5Init(void* /*connection*/) {
  return 0;
}
int sqlite3RtreeInit(void* /*connection*/) {
  return 0;
}
int sqlite3DbstatRegister(void* /*connection*/) {
  return 0;
}
int sqlite3StmtVtabInit(void* /*connection*/) {
  return 0;
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming)
