// The smallest possible poppassd session: one process answers, and starts a program at `pass` and
// one at `newpass`. It checks nothing and drops no privileges. scripts/bench divides by its cost.
//     bench_floor PROGRAM
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int run(char *program) {
    char *argv[] = {program, 0};
    char *envp[] = {0};
    int status = 1;
    int fds[2];
    if (pipe(fds) != 0 || write(fds[1], "joe\0old\0\0", 9) != 9) _exit(111);
    close(fds[1]);
    pid_t pid = vfork();
    if (pid == 0) {
        dup2(fds[0], 3);
        execve(program, argv, envp);
        _exit(111);
    }
    close(fds[0]);
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void say(const char *text) {
    if (write(1, text, strlen(text)) < 0) _exit(111);
}

int main(int argc, char **argv) {
    char line[512];
    if (argc != 2) return 2;
    say("200 hello\r\n");
    while (read(0, line, sizeof line) > 0) {
        switch (line[0]) {
        case 'p':
        case 'n': say(run(argv[1]) ? "200 ok\r\n" : "500 no\r\n"); break;
        case 'q': say("200 bye\r\n"); return 0;
        default: say("200 go on\r\n");
        }
    }
    return 0;
}
