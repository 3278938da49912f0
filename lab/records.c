/*
 * The guest's writer: appends records to a file and has each on the medium (fsync) before it begins the next, by which one sees from the
 * disk's image whether a write was lost.
 *     records FILE SAVED
 * Record N, from 0, is 32 bytes: "record N", padded with blanks, and a newline. After each the number of records that are on the medium is
 * written to SAVED, which is not on the disk.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define RECORD 32                       /* "record ", 24 characters, newline */

int main(int count, char **arguments)
{
    if (count != 3) {
        return 2;
    }
    int file = open(arguments[1], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    int saved = open(arguments[2], O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || saved < 0) {
        perror("records: open");
        return 1;
    }
    for (unsigned long long n = 0;; n++) {
        char record[RECORD + 1], line[24];

        snprintf(record, sizeof record, "record %-24llu\n", n);
        if (write(file, record, RECORD) != RECORD || fsync(file)) {
            perror("records: write");
            return 1;
        }
        int length = snprintf(line, sizeof line, "%llu\n", n + 1);
        if (pwrite(saved, line, length, 0) != length) {
            perror("records: saved");
            return 1;
        }
    }
}
