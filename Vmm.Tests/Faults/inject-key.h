/*
 * The key of a system call: "NUMBER|THREAD|OBJECT", by which one and the same call is found again in another run of the program. The
 * object is what its descriptor leads to, its path, or a number that says what is asked (an ioctl's request, an option). Left out is
 * what differs between two runs: the test's folder, inode numbers, process ids.
 */
#ifndef INJECT_KEY_H
#define INJECT_KEY_H

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#define KEY_SIZE 512

static char folder[PATH_MAX];

static void remember_folder(void)
{
    if (!getcwd(folder, sizeof folder))
        folder[0] = 0;
}

enum object { NOTHING, DESCRIPTOR, DESCRIPTOR_AND_NUMBER, EPOLL, FIRST_PATH, SECOND_PATH, FIRST_NUMBER, LAST_NUMBER };

static enum object object_of(long number)
{
    switch (number) {
    case SYS_read: case SYS_write: case SYS_close: case SYS_fstat: case SYS_lseek: case SYS_pread64: case SYS_pwrite64:
    case SYS_readv: case SYS_writev: case SYS_preadv: case SYS_pwritev: case SYS_sendto: case SYS_recvfrom: case SYS_sendmsg: case SYS_recvmsg: case SYS_shutdown:
    case SYS_bind: case SYS_connect: case SYS_listen: case SYS_accept: case SYS_accept4: case SYS_getsockname: case SYS_getpeername:
    case SYS_setsockopt: case SYS_getsockopt: case SYS_fsync: case SYS_fdatasync: case SYS_ftruncate: case SYS_fchmod: case SYS_fchown:
    case SYS_fstatfs: case SYS_flock: case SYS_dup: case SYS_getdents64: case SYS_fallocate: case SYS_timerfd_settime:
    case SYS_timerfd_gettime: case SYS_epoll_wait: case SYS_epoll_pwait: case SYS_epoll_pwait2: case SYS_pidfd_send_signal:
    case SYS_io_uring_enter: case SYS_io_uring_register:
        return DESCRIPTOR;
    case SYS_ioctl: case SYS_fcntl:
        return DESCRIPTOR_AND_NUMBER;
    case SYS_epoll_ctl:
        return EPOLL;
    case SYS_open: case SYS_stat: case SYS_lstat: case SYS_access: case SYS_unlink: case SYS_rmdir: case SYS_mkdir: case SYS_rename:
    case SYS_readlink: case SYS_chmod: case SYS_chown: case SYS_lchown: case SYS_statfs: case SYS_truncate: case SYS_memfd_create:
        return FIRST_PATH;
    case SYS_openat: case SYS_newfstatat: case SYS_unlinkat: case SYS_mkdirat: case SYS_readlinkat: case SYS_faccessat:
    case SYS_faccessat2: case SYS_statx: case SYS_fchmodat: case SYS_fchownat: case SYS_renameat: case SYS_renameat2:
        return SECOND_PATH;
    case SYS_prctl: case SYS_arch_prctl: case SYS_socket: case SYS_rt_sigaction:
        return FIRST_NUMBER;
    case SYS_tgkill: case SYS_madvise:
        return LAST_NUMBER;
    default:
        return NOTHING;
    }
}

/* Numbers that the kernel counts up, and the folder of the test, are left out. */
static void append_name(char *key, const char *name)
{
    size_t length = strlen(folder);
    int in_proc = !strncmp(name, "/proc/", 6);
    char *end = key + strlen(key), *limit = key + KEY_SIZE - 2;
    if (length && !strncmp(name, folder, length) && name[length] == '/')
        name += length + 1;
    for (; *name && end < limit; name++) {
        if (isdigit((unsigned char)*name) && (in_proc || name[-1] == '['))
            while (isdigit((unsigned char)name[1]))
                name++;
        else
            *end++ = *name == '\n' ? '?' : *name;
    }
    *end = 0;
}

static void append_descriptor(char *key, pid_t program, int descriptor)
{
    char link[64], name[PATH_MAX];
    snprintf(link, sizeof link, "/proc/%d/fd/%d", program, descriptor);
    ssize_t length = readlink(link, name, sizeof name - 1);
    name[length > 0 ? length : 0] = 0;
    append_name(key, length > 0 ? name : "none");
}

static void append_path(char *key, pid_t thread, unsigned long address)
{
    char name[KEY_SIZE / 2] = "";
    struct iovec to = { name, sizeof name - 1 }, from = { (void *)address, sizeof name - 1 };
    ssize_t got = process_vm_readv(thread, &to, 1, &from, 1, 0);
    if (got < 0) {
        from.iov_len = to.iov_len = 4096 - address % 4096 < sizeof name - 1 ? 4096 - address % 4096 : sizeof name - 1;
        got = process_vm_readv(thread, &to, 1, &from, 1, 0);
    }
    name[got > 0 ? got : 0] = 0;
    append_name(key, name);
}

static void append_number(char *key, unsigned long number)
{
    size_t length = strlen(key);
    snprintf(key + length, KEY_SIZE - length, " 0x%x", (unsigned)number);
}

static void make_key(char *key, pid_t program, pid_t thread, const struct user_regs_struct *call)
{
    char path[64], name[32] = "?";
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", program, thread);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file >= 0) {
        ssize_t got = read(file, name, sizeof name - 1);
        name[got > 0 ? got - 1 : 0] = 0;
        close(file);
    }
    snprintf(key, KEY_SIZE, "%ld|%s|", (long)call->orig_rax, name);
    switch (object_of(call->orig_rax)) {
    case DESCRIPTOR:
        append_descriptor(key, program, call->rdi);
        break;
    case DESCRIPTOR_AND_NUMBER:
        append_descriptor(key, program, call->rdi);
        append_number(key, call->rsi);
        break;
    case EPOLL:
        append_descriptor(key, program, call->rdx);
        append_number(key, call->rsi);
        break;
    case FIRST_PATH:
        append_path(key, thread, call->rdi);
        break;
    case SECOND_PATH:
        append_path(key, thread, call->rsi);
        break;
    case FIRST_NUMBER:
        append_number(key, call->rdi);
        break;
    case LAST_NUMBER:
        append_number(key, call->rdx);
        break;
    case NOTHING:
        break;
    }
}

#endif
