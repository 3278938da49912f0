/*
 * inject CONTROL STATE WHOSE RUNS -- PROGRAM [ARGUMENT...]: runs a program, reports the system calls that it makes while a window is
 * open, and has the n-th of a kind fail, or come late. It is the program itself that is seen as the process: what watches
 * is a process of its own, its tracer, so that pid, signals, streams and exit status are the program's.
 *
 * A seccomp filter stops each call for the tracer (SECCOMP_RET_TRACE). What is excluded by name never stops, nor does madvise but
 * for the advice that only the program itself gives, and neither does KVM_RUN unless RUNS is "runs", so a guest runs and is
 * kicked at full speed; signals are passed on as they come.
 * A call that shall fail is not made, with one exception: a close is made and then reported as failed, as Linux does it.
 *
 * The window opens when the handover's baton (the memfd "vmm-baton" among the program's descriptors, docs/handover.md) has the
 * state STATE: 3, held by new; 2, offered or any later one. With 0 the command opens it.
 *
 * WHOSE says whose calls those are: "all", of the process and all that it starts, or "C.N", of the N-th program that process C has become by exec,
 * where 0 is the process itself and 1 the first that it has started. Only executions of PROGRAM count as one (inject-process.h), and what
 * a new process does before it has become any is its parent's.
 *
 * CONTROL is a unix socket that the test listens on. Lines to here:
 *     open | shut              opens or closes the window
 *     fail N ERRNO KEY         from the window's opening on, the N-th call with this key fails
 *     late N MILLISECONDS KEY  or begins so much later
 * and from here: "open", "call KEY" for each call, "hit KEY" when it was struck;
 * "program PID C.N" for each execution of PROGRAM, "ended PID STATUS" (as waitpid(2) has it) for each process. A key says number, thread and object of a call,
 * without what differs between two runs of the program.
 * Source: ptrace(2), seccomp(2), the kernel's userspace-api/seccomp_filter.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "inject-key.h"
#include "inject-process.h"

#define KVM_RUN 0xae80
#define OFFERED 2
#define STATE_SHIFT 56
#define MOST_LATE 16

static pid_t program;
static int control;
static unsigned wanted;
static int whose_child, whose_generation;

static int baton = -1;
static pid_t may_bring_baton;
static int window;

static char rule_key[KEY_SIZE];
static long rule_countdown, rule_value;
static int rule_delays;

static struct { pid_t thread; int64_t until; } late[MOST_LATE];
static struct { pid_t thread; int error; } performed;

static void fatal(const char *what)
{
    dprintf(control, "error %s: %s\n", what, strerror(errno));
    _exit(1);
}

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- the window ---- */

static void find_baton(void)
{
    char path[PATH_MAX], name[64];
    snprintf(path, sizeof path, "/proc/%d/fd", program);
    DIR *descriptors = opendir(path);
    for (struct dirent *entry; descriptors && baton < 0 && (entry = readdir(descriptors));) {
        snprintf(path, sizeof path, "/proc/%d/fd/%s", program, entry->d_name);
        ssize_t length = readlink(path, name, sizeof name - 1);
        if (length < 0)
            continue;
        name[length] = 0;
        if (!strncmp(name, "/memfd:vmm-baton", 16))
            baton = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (descriptors)
        closedir(descriptors);
}

static void open_window(void)
{
    window = 1;
    dprintf(control, "open\n");
}

static void look_at_baton(pid_t thread, long number)
{
    uint64_t word;
    if (baton < 0 && may_bring_baton == thread)
        find_baton();
    if (number == SYS_recvmsg || number == SYS_memfd_create)
        may_bring_baton = thread;
    if (baton < 0 || pread(baton, &word, sizeof word, 0) != sizeof word)
        return;
    unsigned state = word >> STATE_SHIFT;
    if (state == wanted || (wanted == OFFERED && state > OFFERED))
        open_window();
}

/* ---- stops ---- */

static void go_on(pid_t thread, int request, int signal)
{
    /* A thread that was killed while it stood still is not there any more. */
    if (ptrace(request, thread, 0, signal) && errno != ESRCH)
        fatal("ptrace");
}

static void delay(pid_t thread)
{
    for (int i = 0; i < MOST_LATE; i++)
        if (!late[i].thread) {
            late[i].thread = thread;
            late[i].until = now() + rule_value;
            return;
        }
    go_on(thread, PTRACE_CONT, 0);
}

/* A thread is about to make a call. */
static void at_call(pid_t thread)
{
    struct user_regs_struct call;
    char key[KEY_SIZE];
    struct process *process = process_of(thread);
    int is_looked_for = !window && wanted && process == processes;
    if ((!is_looked_for && (window <= 0 || !is_of(process, whose_child, whose_generation))) || ptrace(PTRACE_GETREGS, thread, 0, &call)) {
        go_on(thread, PTRACE_CONT, 0);
        return;
    }
    if (is_looked_for)
        look_at_baton(thread, call.orig_rax);
    if (window <= 0 || !is_of(process, whose_child, whose_generation)) {
        go_on(thread, PTRACE_CONT, 0);
        return;
    }

    make_key(key, process->id, thread, &call);
    dprintf(control, "call %s\n", key);
    if (strcmp(key, rule_key) || --rule_countdown != 0) {
        go_on(thread, PTRACE_CONT, 0);
        return;
    }
    dprintf(control, "hit %s\n", key);
    if (rule_delays) {
        delay(thread);
    } else if (call.orig_rax == SYS_close) {
        performed.thread = thread;
        performed.error = rule_value;
        go_on(thread, PTRACE_SYSCALL, 0);
    } else {
        call.orig_rax = -1;
        call.rax = -rule_value;
        if (ptrace(PTRACE_SETREGS, thread, 0, &call) && errno != ESRCH)
            fatal("PTRACE_SETREGS");
        go_on(thread, PTRACE_CONT, 0);
    }
}

/* A call that was made is reported as failed. */
static void after_call(pid_t thread)
{
    struct user_regs_struct call;
    if (thread == performed.thread && !ptrace(PTRACE_GETREGS, thread, 0, &call)) {
        call.rax = -performed.error;
        ptrace(PTRACE_SETREGS, thread, 0, &call);
        performed.thread = 0;
    }
    go_on(thread, PTRACE_CONT, 0);
}

/* The thread is no more, or another program's. */
static void forget(pid_t thread)
{
    for (int i = 0; i < MOST_LATE; i++)
        if (late[i].thread == thread)
            late[i].thread = 0;
    if (performed.thread == thread)
        performed.thread = 0;
}

static void at_stop(pid_t thread, int status)
{
    int signal = WSTOPSIG(status), event = status >> 16;
    if (!WIFSTOPPED(status)) {
        forget(thread);
        if (end_of(thread))
            dprintf(control, "ended %d %d\n", thread, status);
        return;
    }
    struct process *process = process_of(thread);
    if (event == PTRACE_EVENT_EXEC) {
        forget(thread);
        if (becomes(process))
            dprintf(control, "program %d %d.%d\n", thread, process->child, process->generation);
        go_on(thread, PTRACE_CONT, 0);
    } else if (event == PTRACE_EVENT_SECCOMP) {
        at_call(thread);
    } else if (signal == (SIGTRAP | 0x80)) {
        after_call(thread);
    } else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP) {
        go_on(thread, PTRACE_LISTEN, 0);
    } else {
        go_on(thread, PTRACE_CONT, event ? 0 : signal);
    }
}

/* ---- the tracer ---- */

static void obey(char *line)
{
    int at = 0;
    if (!strcmp(line, "open")) {
        open_window();
    } else if (!strcmp(line, "shut")) {
        window = -1;
    } else if (sscanf(line, "%*[a-z] %ld %ld %n", &rule_countdown, &rule_value, &at) == 2 && at > 0) {
        rule_delays = *line == 'l';
        snprintf(rule_key, sizeof rule_key, "%s", line + at);
    } else {
        errno = EINVAL;
        fatal(line);
    }
}

static void listen_to_test(void)
{
    static char text[2 * KEY_SIZE];
    static size_t length;
    ssize_t got = read(control, text + length, sizeof text - 1 - length);
    if (got <= 0) {
        /* The test is over, and what it started with it. */
        end_all();
        window = -1;
        control = open("/dev/null", O_RDWR | O_CLOEXEC);
        return;
    }
    text[length += got] = 0;
    for (char *end; (end = strchr(text, '\n'));) {
        *end = 0;
        obey(text);
        length -= end + 1 - text;
        memmove(text, end + 1, length + 1);
    }
}

static int trace(void)
{
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, NULL);
    struct pollfd ready[] = { { signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK), POLLIN, 0 }, { control, POLLIN, 0 } };
    struct signalfd_siginfo ignored;
    for (;;) {
        int status, timeout = -1;
        pid_t thread;
        while ((thread = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
            at_stop(thread, status);
        if (thread < 0)
            return 0;
        for (int i = 0; i < MOST_LATE; i++) {
            if (late[i].thread && late[i].until <= now()) {
                go_on(late[i].thread, PTRACE_CONT, 0);
                late[i].thread = 0;
            } else if (late[i].thread && (timeout < 0 || late[i].until - now() < timeout)) {
                timeout = late[i].until - now() > 0 ? late[i].until - now() : 0;
            }
        }
        ready[1].fd = control;
        poll(ready, 2, timeout);
        while (read(ready[0].fd, &ignored, sizeof ignored) > 0)
            ;
        if (ready[1].revents)
            listen_to_test();
    }
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define UNLESS(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (skip))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define PASS(number) UNLESS(number, 1), ANSWER(SECCOMP_RET_ALLOW)

static int filter(int runs)
{
    struct sock_filter rules[] = {
        LOAD(nr),
        /* Excluded by name: the end, what signals and locks are made of, and the language runtime's and the C library's own memory and threads. */
        PASS(SYS_exit), PASS(SYS_exit_group), PASS(SYS_rt_sigreturn), PASS(SYS_rt_sigprocmask), PASS(SYS_futex),
        PASS(SYS_mmap), PASS(SYS_munmap), PASS(SYS_brk), PASS(SYS_mprotect), PASS(SYS_membarrier), PASS(SYS_clone), PASS(SYS_clone3),
        UNLESS(SYS_madvise, 6),
        LOAD(args[2]),
        UNLESS(MADV_POPULATE_READ, 1),
        ANSWER(SECCOMP_RET_TRACE),
        UNLESS(MADV_POPULATE_WRITE, 1),
        ANSWER(SECCOMP_RET_TRACE),
        ANSWER(SECCOMP_RET_ALLOW),
        UNLESS(SYS_ioctl, 3),
        LOAD(args[1]),
        UNLESS(runs ? 0 : KVM_RUN, 1),
        ANSWER(SECCOMP_RET_ALLOW),
        ANSWER(SECCOMP_RET_TRACE),
    };
    struct sock_fprog program = { sizeof rules / sizeof *rules, rules };
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* The tracer is nobody's child, so that the program has none that it did not start. */
static int be_tracer(int begun)
{
    const long options = PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK
        | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL;
    setsid();
    if (fork())
        _exit(0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    if (ptrace(PTRACE_SEIZE, program, 0, options))
        fatal("PTRACE_SEIZE");
    if (write(begun, "", 1) != 1)
        fatal("the program is gone");
    close(begun);
    _exit(trace());
}

static int read_whose(const char *text)
{
    if (!strcmp(text, "all"))
        whose_child = ALL;
    return whose_child == ALL || sscanf(text, "%d.%d", &whose_child, &whose_generation) == 2;
}

int main(int count, char **words)
{
    struct sockaddr_un address = { AF_UNIX, "" };
    int begun[2];
    char byte;
    if (count < 7 || strcmp(words[5], "--") || !read_whose(words[3]) || strlen(words[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: inject CONTROL STATE all|CHILD.NUMBER runs|quiet -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    strcpy(address.sun_path, words[1]);
    wanted = strtoul(words[2], NULL, 0);
    program = getpid();
    remember_folder();
    remember_program(program, words[6]);
    control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (control < 0 || connect(control, (struct sockaddr *)&address, sizeof address) || pipe2(begun, O_CLOEXEC)) {
        perror(words[1]);
        return 1;
    }
    pid_t child = fork();
    if (!child)
        return be_tracer(begun[1]);
    close(begun[1]);
    waitpid(child, NULL, 0);
    if (read(begun[0], &byte, 1) != 1 || filter(!strcmp(words[4], "runs"))) {
        perror("inject: the program cannot be traced");
        return 1;
    }
    execvp(words[6], words + 6);
    perror(words[6]);
    return 1;
}
