/*
 * The agent: how tests reach into the lab. It listens on TCP port 7; each connection does one thing, either run a
 * shell command with its input, output, errors and exit status carried over the connection, or bridge to a unix
 * socket. When the connection goes, the command's process group is killed, so nothing outlives its test.
 *
 * Both ways everything is a frame: one byte kind, four bytes length (little-endian), payload.
 *   to the agent:    x COMMAND (first) · u PATH (first; waits until
 *                    a process listens there) · i input bytes, none = end of input · k signal number (1 byte)
 *   from the agent:  p pid or 0 (4 bytes): it runs, or is connected · f failure text, and nothing more
 *                    o output, e errors: the host's CLOCK_MONOTONIC and CLOCK_REALTIME in ns when the bytes arrived
 *                    (8 bytes each), then the bytes · c exit status, or 128 + signal (4 bytes), the last frame
 * The two clocks are read here because only here they are the clocks of the host that the guest's are compared with.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT 7
#define CHUNK 65536
#define RETRY_MS 5

enum { CLIENT, INPUT, OUTPUT, ERRORS, CHILD, PLACES };

static struct pollfd places[PLACES];
static pid_t child;
static uint8_t pending[CHUNK];          /* input that the command has not taken yet */
static size_t pending_from, pending_to;
static int end_of_input;                /* after what is pending */

static void leave(int status)
{
    if (child > 0) {
        kill(-child, SIGKILL);
        kill(child, SIGKILL);           /* it may not lead its group yet */
    }
    _exit(status);
}

static void send_all(const void *data, size_t length)
{
    const uint8_t *at = data;

    while (length > 0) {
        ssize_t sent = send(places[CLIENT].fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            leave(1);
        }
        at += sent;
        length -= sent;
    }
}

static void receive_all(void *data, size_t length)
{
    uint8_t *at = data;

    while (length > 0) {
        ssize_t got = recv(places[CLIENT].fd, at, length, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            leave(1);
        }
        at += got;
        length -= got;
    }
}

static void send_frame(uint8_t kind, const void *payload, uint32_t length)
{
    uint8_t head[5] = { kind };

    memcpy(head + 1, &length, 4);
    send_all(head, sizeof head);
    send_all(payload, length);
}

static void fail(const char *what)
{
    char text[512];
    int length = snprintf(text, sizeof text, "%s: %s", what, strerror(errno));

    send_frame('f', text, length < (int)sizeof text ? length : (int)sizeof text - 1);
    leave(1);
}

static int64_t nanoseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static void start_command(char *command)
{
    int in[2], out[2], err[2];

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) {
        fail("pipe");
    }
    pid_t pid = fork();
    if (pid < 0) {
        fail("fork");
    }
    if (pid == 0) {
        setsid();
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    child = pid;
    close(in[0]);
    close(out[1]);
    close(err[1]);
    places[INPUT].fd = in[1];
    places[OUTPUT].fd = out[0];
    places[ERRORS].fd = err[0];
    places[CHILD].fd = syscall(SYS_pidfd_open, child, 0);
    if (places[CHILD].fd < 0) {
        fail("pidfd_open");
    }
}

static void connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct pollfd client = { places[CLIENT].fd, POLLRDHUP, 0 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        fail(path);
    }
    strcpy(address.sun_path, path);
    /* Nothing reports when a process starts to listen, so this asks again until the client gives up. */
    while (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
        if (fd < 0 || (errno != ENOENT && errno != ECONNREFUSED)) {
            fail(path);
        }
        if (poll(&client, 1, RETRY_MS) != 0) {
            leave(0);
        }
    }
    places[OUTPUT].fd = fd;
    places[INPUT].fd = dup(fd);
    if (places[INPUT].fd < 0) {
        fail("dup");
    }
}

static void close_place(int place)
{
    close(places[place].fd);
    places[place].fd = -1;
}

/* One frame from the client; it is small, so it may be waited for. */
static void take_frame(void)
{
    uint8_t kind, signal_number;
    uint32_t length;

    receive_all(&kind, 1);
    receive_all(&length, 4);
    if (kind == 'i' && length <= CHUNK) {
        receive_all(pending, length);
        pending_from = 0;
        pending_to = length;
        end_of_input |= length == 0;
    } else if (kind == 'k' && length == 1) {
        receive_all(&signal_number, 1);
        if (child > 0) {
            kill(-child, signal_number);
        }
    } else {
        leave(1);
    }
}

static void pass_input(void)
{
    ssize_t taken = write(places[INPUT].fd, pending + pending_from, pending_to - pending_from);

    if (taken >= 0) {
        pending_from += taken;
    } else if (errno != EAGAIN && errno != EINTR) {
        pending_from = pending_to;      /* it is not read any more */
        close_place(INPUT);
    }
}

static void pass_output(int place, uint8_t kind)
{
    static uint8_t frame[16 + CHUNK];
    ssize_t got = read(places[place].fd, frame + 16, CHUNK);
    int64_t mono = nanoseconds(CLOCK_MONOTONIC), real = nanoseconds(CLOCK_REALTIME);

    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    memcpy(frame, &mono, 8);
    memcpy(frame + 8, &real, 8);
    send_frame(kind, frame, 16 + (got > 0 ? got : 0));
    if (got <= 0) {
        close_place(place);
    }
}

/* The last frame is out. Closing with input unread would reset the connection and could take that frame with it. */
static void finish(void)
{
    static uint8_t unread[CHUNK];

    shutdown(places[CLIENT].fd, SHUT_WR);
    while (recv(places[CLIENT].fd, unread, sizeof unread, 0) > 0) {
    }
    _exit(0);
}

static int drained(int place)
{
    struct pollfd one = { places[place].fd, POLLIN, 0 };

    return one.fd < 0 || poll(&one, 1, 0) == 0;
}

static void serve(int client)
{
    uint8_t kind;
    uint32_t length;
    static char text[CHUNK + 1];

    for (int i = 0; i < PLACES; i++) {
        places[i].fd = -1;
    }
    places[CLIENT].fd = client;
    receive_all(&kind, 1);
    receive_all(&length, 4);
    if (length > CHUNK) {
        leave(1);
    }
    receive_all(text, length);
    if (kind == 'x') {
        start_command(text);
    } else if (kind == 'u') {
        connect_unix(text);
    } else {
        leave(1);
    }
    fcntl(places[INPUT].fd, F_SETFL, fcntl(places[INPUT].fd, F_GETFL) | O_NONBLOCK);
    send_frame('p', &child, 4);

    for (;;) {
        int waiting = pending_from < pending_to;

        if (!waiting && end_of_input && places[INPUT].fd >= 0) {
            shutdown(places[INPUT].fd, SHUT_WR);        /* a socket; a pipe just closes */
            close_place(INPUT);
        }
        places[CLIENT].events = waiting ? POLLRDHUP : POLLIN | POLLRDHUP;
        places[INPUT].events = waiting ? POLLOUT : 0;
        places[OUTPUT].events = places[ERRORS].events = places[CHILD].events = POLLIN;
        if (poll(places, PLACES, -1) < 0 && errno != EINTR) {
            leave(1);
        }
        if (places[OUTPUT].revents) {
            pass_output(OUTPUT, 'o');
        }
        if (places[ERRORS].revents) {
            pass_output(ERRORS, 'e');
        }
        if (places[INPUT].revents & POLLOUT) {
            pass_input();
        } else if (places[INPUT].revents) {
            pending_from = pending_to;
            close_place(INPUT);
        }
        if (child == 0 && places[OUTPUT].fd < 0) {
            finish();
        }
        if (places[CHILD].revents && drained(OUTPUT) && drained(ERRORS)) {
            int status;
            waitpid(child, &status, 0);
            uint32_t code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            send_frame('c', &code, 4);
            finish();
        }
        if (places[CLIENT].revents & POLLIN && !waiting) {
            take_frame();
        } else if (places[CLIENT].revents) {
            leave(0);
        }
    }
}

int main(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on)
        || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 64)) {
        perror("agent");
        return 1;
    }
    puts("lab: ready");
    fflush(stdout);
    for (;;) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (client < 0) {
            continue;
        }
        if (fork() == 0) {
            close(listener);
            signal(SIGPIPE, SIG_IGN);
            setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            serve(client);
        }
        close(client);
    }
}
