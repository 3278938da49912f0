/*
 * The client of serve.c: downloads the stream over one connection and checks every block.
 *     fetch ADDRESS PORT
 * A line "blocks N" comes after every 20 blocks; at SIGTERM a last one, "end blocks N gap M" (the longest time without a byte, in ms), with status 0.
 * A block that is wrong, or an end of the connection, is one line that says so, with status 1.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "stream.h"

#define EVERY 20
#define RETRIES 600                     /* 100 ms apart */

static volatile sig_atomic_t ended;

static void end(int signal_number)
{
    (void)signal_number;
    ended = 1;
}

static long long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* A server that is not there yet is tried again. */
static int connect_to(const char *host, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

    if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
        return -1;
    }
    for (int i = 0; i < RETRIES && !ended; i++) {
        int server = socket(AF_INET, SOCK_STREAM, 0);
        if (server >= 0 && connect(server, (struct sockaddr *)&address, sizeof address) == 0) {
            return server;
        }
        close(server);
        usleep(100 * 1000);
    }
    return -1;
}

int main(int count, char **arguments)
{
    static const char request[] = "GET / HTTP/1.0\r\n\r\n";
    struct sigaction action = { .sa_handler = end };    /* no SA_RESTART: it interrupts the wait for bytes */
    uint64_t block[WORDS], expected[WORDS], number = 0;
    long long longest = 0, last;
    size_t have = 0, matched = 0;

    if (count != 3) {
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    setvbuf(stdout, NULL, _IOLBF, 0);
    int server = connect_to(arguments[1], atoi(arguments[2]));
    if (server < 0 || send(server, request, sizeof request - 1, MSG_NOSIGNAL) != sizeof request - 1) {
        printf("no connection to %s port %s: %s\n", arguments[1], arguments[2], strerror(errno));
        return 1;
    }
    while (matched < 4) {               /* the end of the head: CR LF CR LF */
        char c;
        if (recv(server, &c, 1, 0) != 1) {
            printf("the connection ended before the stream began\n");
            return 1;
        }
        matched = c == "\r\n\r\n"[matched] ? matched + 1 : c == '\r';
    }
    last = now_ms();
    while (!ended) {
        ssize_t got = recv(server, (char *)block + have, sizeof block - have, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            printf("the connection ended after %llu blocks: %s\n", (unsigned long long)number, got == 0 ? "closed" : strerror(errno));
            return 1;
        }
        long long at = now_ms();
        longest = at - last > longest ? at - last : longest;
        last = at;
        have += got;
        if (have < sizeof block) {
            continue;
        }
        have = 0;
        block_fill(expected, number);
        if (memcmp(block, expected, sizeof block)) {
            printf("block %llu is wrong: it says %llu, its checksum is %s\n", (unsigned long long)number, (unsigned long long)block[0],
                block[WORDS - 1] == block_checksum(block) ? "right" : "wrong");
            return 1;
        }
        if (++number % EVERY == 0) {
            printf("blocks %llu\n", (unsigned long long)number);
        }
    }
    if (now_ms() - last > longest) {    /* a stall that lasts until the end is one, too */
        longest = now_ms() - last;
    }
    printf("end blocks %llu gap %lld\n", (unsigned long long)number, longest);
    return 0;
}
