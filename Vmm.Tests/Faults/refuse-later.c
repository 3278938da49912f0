/*
 * refuse-later FILE ERROR CALL[,CALL...] PROGRAM [ARGUMENT...]: runs a program to which the kernel refuses some system calls (numbers)
 * with an error number, from the moment that FILE exists. With the error 0 a call is not answered at all: its thread hangs.
 *
 * The filter hands each of the calls to a supervisor, a child of the process that becomes the program; it ends with the program.
 * Source: the kernel's userspace-api/seccomp_filter, seccomp_unotify(2).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define MOST_CALLS 32
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))

static int fail(const char *what)
{
    perror(what);
    return 1;
}

static int install(char *calls)
{
    struct sock_filter rules[2 * MOST_CALLS + 2];
    unsigned short count = 0;
    rules[count++] = (struct sock_filter)LOAD(nr);
    for (char *call = strtok(calls, ","); call; call = strtok(NULL, ",")) {
        if (count > 2 * MOST_CALLS - 2) {
            errno = E2BIG;
            return -1;
        }
        rules[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(call), 0, 1);
        rules[count++] = (struct sock_filter)ANSWER(SECCOMP_RET_USER_NOTIF);
    }
    rules[count++] = (struct sock_filter)ANSWER(SECCOMP_RET_ALLOW);
    struct sock_fprog filter = { count, rules };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, &filter);
}

static int pass(int socket, int *descriptor, int sends)
{
    char byte = 0;
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr align; } control;
    struct iovec vector = { &byte, 1 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
    if (!sends) {
        if (recvmsg(socket, &message, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&message))
            return -1;
        memcpy(descriptor, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof *descriptor);
        return 0;
    }
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), descriptor, sizeof *descriptor);
    return sendmsg(socket, &message, 0) == 1 ? 0 : -1;
}

static int supervise(int listener, const char *file, int error)
{
    /* The structures of a kernel newer than these headers may be longer. */
    struct { struct seccomp_notif request; char more[512]; } asked;
    struct { struct seccomp_notif_resp response; char more[512]; } told;
    struct pollfd poller = { listener, POLLIN, 0 };
    for (;;) {
        if (poll(&poller, 1, -1) < 0 && errno != EINTR)
            return fail("poll");
        if (poller.revents & (POLLHUP | POLLERR))
            return 0;
        if (!(poller.revents & POLLIN))
            continue;
        memset(&asked, 0, sizeof asked);
        memset(&told, 0, sizeof told);
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked.request))
            continue;
        int refuses = access(file, F_OK) == 0;
        if (refuses && !error)
            continue;
        told.response.id = asked.request.id;
        if (refuses)
            told.response.error = -error;
        else
            told.response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
        ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &told.response);
    }
}

int main(int count, char **words)
{
    int ends[2], listener;
    if (count < 5) {
        fprintf(stderr, "usage: refuse-later FILE ERROR CALL[,CALL...] PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return fail("socketpair");
    switch (fork()) {
    case -1:
        return fail("fork");
    case 0:
        /* What waits for the end of the program's output must not wait for this. */
        if (!freopen("/dev/null", "r+", stdin) || !freopen("/dev/null", "r+", stdout))
            return fail("/dev/null");
        close(ends[1]);
        if (pass(ends[0], &listener, 0))
            return fail("receive the listener");
        close(STDERR_FILENO);
        return supervise(listener, words[1], atoi(words[2]));
    }
    close(ends[0]);
    listener = install(words[3]);
    if (listener < 0)
        return fail("seccomp");
    if (pass(ends[1], &listener, 1))
        return fail("send the listener");
    close(listener);
    close(ends[1]);
    execvp(words[4], words + 4);
    return fail(words[4]);
}
