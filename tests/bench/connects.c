/* What a TCP probe cannot cost less than: connects and closes, 64 at a time, over epoll.

   connects COUNT ADDRESSES FIRST_PORT LAST_PORT: to 127.0.0.1 up to ADDRESSES and these ports in turn.
   Prints what it used as JSON: seconds, cpu (seconds), probes, memory (bytes). */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { AT_ONCE = 64 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* Resident bytes; ru_maxrss would be those of whoever started this. */
static long memory(void) {
    long all, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%ld %ld", &all, &resident) != 2) fail("/proc/self/statm");
    fclose(file);
    return resident * sysconf(_SC_PAGESIZE);
}

static void begin(int poll, struct sockaddr_in *target) {
    int connection = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connection < 0) fail("socket");
    if (connect(connection, (struct sockaddr *)target, sizeof *target) && errno != EINPROGRESS) fail("connect");
    struct epoll_event wanted = {.events = EPOLLOUT, .data.fd = connection};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, connection, &wanted)) fail("epoll_ctl");
}

static void end(int connection) {
    int code;
    socklen_t size = sizeof code;
    if (getsockopt(connection, SOL_SOCKET, SO_ERROR, &code, &size) || code) fail("connection");
    close(connection);
}

int main(int count_of_words, char **words) {
    if (count_of_words != 5) return 2;
    int count = atoi(words[1]), addresses = atoi(words[2]), first = atoi(words[3]), last = atoi(words[4]);
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    int poll = epoll_create1(EPOLL_CLOEXEC);
    for (int begun = 0, done = 0; done < count;) {
        for (; begun < count && begun - done < AT_ONCE; begun++) {
            struct sockaddr_in target = {.sin_family = AF_INET};
            target.sin_addr.s_addr = htonl(INADDR_LOOPBACK + begun % addresses);
            target.sin_port = htons(first + begun / addresses % (last - first + 1));
            begin(poll, &target);
        }
        struct epoll_event events[AT_ONCE];
        int ready = epoll_wait(poll, events, AT_ONCE, -1);
        for (int i = 0; i < ready; i++) end(events[i].data.fd);
        done += ready;
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    double seconds = ended.tv_sec - began.tv_sec + (ended.tv_nsec - began.tv_nsec) / 1e9;
    printf("{\"seconds\": %f, \"cpu\": %f, \"probes\": %d, \"memory\": %ld}\n", seconds, cpu, count, memory());
}
