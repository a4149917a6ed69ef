/* A disk that goes bad: put in front of the C library (LD_PRELOAD), it makes the calls on files below a folder fail or
 * wait as a file says. bad_disk.mjs builds it and writes the file, seven numbers: errno of writes, of syncs, of reads,
 * of opening and changing names; microseconds that a sync waits; one call in so many fails; reads fail from this byte
 * of a file on. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct orders {
    volatile int32_t write_errno, sync_errno, read_errno, name_errno, sync_wait_us, one_in, read_from;
};

static const struct orders nothing;
static const struct orders *orders = &nothing;
static const char *folder;
static unsigned calls;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("BAD_DISK_ORDERS");
    folder = getenv("BAD_DISK_FOLDER");
    int fd = path && folder ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) {
        fprintf(stderr, "bad_disk: BAD_DISK_ORDERS, BAD_DISK_FOLDER: %s\n", strerror(errno));
        _exit(99);
    }
    close(fd);
    orders = mapped;
}

static int is_below(const char *path)
{
    return path && strncmp(path, folder, strlen(folder)) == 0;
}

static int is_ours(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0)
        return 0;
    path[len] = '\0';
    return is_below(path);
}

static int fails(int wrong, int ours)
{
    if (!wrong || !ours ||
        (orders->one_in > 1 && __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED) % (unsigned)orders->one_in))
        return 0;
    errno = wrong;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define BAD(wrong, fd) ((wrong) && fails((wrong), is_ours(fd)))

ssize_t write(int fd, const void *bytes, size_t n)
{
    return BAD(orders->write_errno, fd) ? -1 : REAL(write)(fd, bytes, n);
}
ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return BAD(orders->write_errno, fd) ? -1 : REAL(pwrite)(fd, bytes, n, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
    return BAD(orders->write_errno, fd) ? -1 : REAL(pwrite64)(fd, bytes, n, at);
}
ssize_t read(int fd, void *bytes, size_t n)
{
    return BAD(orders->read_errno, fd) ? -1 : REAL(read)(fd, bytes, n);
}
ssize_t pread(int fd, void *bytes, size_t n, off_t at)
{
    return at >= orders->read_from && BAD(orders->read_errno, fd) ? -1 : REAL(pread)(fd, bytes, n, at);
}
ssize_t pread64(int fd, void *bytes, size_t n, off64_t at)
{
    return at >= orders->read_from && BAD(orders->read_errno, fd) ? -1 : REAL(pread64)(fd, bytes, n, at);
}
int ftruncate(int fd, off_t size)
{
    return BAD(orders->write_errno, fd) ? -1 : REAL(ftruncate)(fd, size);
}
int ftruncate64(int fd, off64_t size)
{
    return BAD(orders->write_errno, fd) ? -1 : REAL(ftruncate64)(fd, size);
}

static int sync_fails(int fd)
{
    if (orders->sync_wait_us && is_ours(fd))
        usleep((unsigned)orders->sync_wait_us);
    return BAD(orders->sync_errno, fd);
}

int fsync(int fd)
{
    return sync_fails(fd) ? -1 : REAL(fsync)(fd);
}
int fdatasync(int fd)
{
    return sync_fails(fd) ? -1 : REAL(fdatasync)(fd);
}

static int name_fails(const char *path)
{
    return orders->name_errno && fails(orders->name_errno, is_below(path));
}
int unlink(const char *path)
{
    return name_fails(path) ? -1 : REAL(unlink)(path);
}
int rename(const char *from, const char *to)
{
    return name_fails(from) ? -1 : REAL(rename)(from, to);
}
int mkdir(const char *path, mode_t mode)
{
    return name_fails(path) ? -1 : REAL(mkdir)(path, mode);
}

/* A read-only disk can still be read. */
static int open_fails(const char *path, int flags)
{
    return (orders->name_errno != EROFS || (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT)) && name_fails(path);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0; \
        va_end(more); \
        return open_fails(path, flags) ? -1 : REAL(name)(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)
