/* The least that a program with libsqlite3 costs: it opens a database, and ends. For scripts/bench. */
#include <sqlite3.h>

int main(int argc, char** argv) {
    sqlite3* database = 0;
    if (argc != 2 || sqlite3_open_v2(argv[1], &database, SQLITE_OPEN_READONLY, 0) != SQLITE_OK) return 1;
    return sqlite3_close(database);
}
