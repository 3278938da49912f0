/*
 * The guest's web server: answers every request with the stream of stream.h, without an end, a block each 10 ms.
 *     serve PORT
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "stream.h"

static int send_all(int client, const void *data, size_t length)
{
    const char *at = data;

    while (length > 0) {
        ssize_t sent = send(client, at, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return -1;
        }
        at += sent;
        length -= sent;
    }
    return 0;
}

static void answer(int client)
{
    static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: application/octet-stream\r\n\r\n";
    const struct timespec pause = { 0, 10 * 1000 * 1000 };
    char request[1024];
    uint64_t block[WORDS];

    if (recv(client, request, sizeof request, 0) <= 0 || send_all(client, head, sizeof head - 1)) {
        return;
    }
    for (uint64_t number = 0;; number++) {
        block_fill(block, number);
        if (send_all(client, block, sizeof block)) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(count == 2 ? atoi(arguments[1]) : 0) };
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;

    if (count != 2) {
        return 2;
    }
    signal(SIGCHLD, SIG_IGN);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes)
        || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4)) {
        perror("serve");
        return 1;
    }
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client >= 0 && fork() == 0) {
            answer(client);
            return 0;
        }
        if (client >= 0) {
            close(client);
        }
    }
}
