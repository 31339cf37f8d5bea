/* Loaded before the C library: has the disk of a journal, and the clock, do what the numbers in a file say, while a program runs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct faults {
    volatile long long clock_seconds, sync_millis, sync_errno, write_errno;
};

static struct faults none;
static struct faults *faults = &none;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TOLLGATE_TEST_FAULTS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) return;
    void *mapped = mmap(0, sizeof none, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (mapped != MAP_FAILED) faults = mapped;
}

static int is_segment(int fd) {
    static const char ending[] = ".segment";
    char link[40], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    ssize_t end = sizeof ending - 1;
    return length > end && memcmp(path + length - end, ending, end) == 0;
}

static int fails(long long code) {
    errno = (int)code;
    return -1;
}

int fdatasync(int fd) {
    long long millis = faults->sync_millis, code = faults->sync_errno;
    if ((millis || code) && is_segment(fd)) {
        struct timespec span = {millis / 1000, millis % 1000 * 1000000};
        nanosleep(&span, 0);
        if (code) return fails(code);
    }
    return (int)syscall(SYS_fdatasync, fd);
}

ssize_t write(int fd, const void *bytes, size_t count) {
    long long code = faults->write_errno;
    if (code && is_segment(fd)) return fails(code);
    return syscall(SYS_write, fd, bytes, count);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int done = (int)syscall(SYS_clock_gettime, clock, time);
    if (done == 0 && clock == CLOCK_REALTIME) time->tv_sec += faults->clock_seconds;
    return done;
}
