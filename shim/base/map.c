// map.c: files as memory, for sn_map.
#define _GNU_SOURCE
#include "device.h"
#if defined(_WIN32)
char *sn_map_file(const char *path, uint64_t bytes) { (void)path; (void)bytes; return 0; }
void sn_unmap_file(char *pages, uint64_t bytes) { (void)pages; (void)bytes; }
uint64_t sn_mapped_bytes(uint64_t bytes) { return bytes; }
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
uint64_t sn_mapped_bytes(uint64_t bytes) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  return (bytes + SN_PAD + page - 1) / page * page;
}
// The file lies at the start of pages of nothing, so that what follows its end can be read.
char *sn_map_file(const char *path, uint64_t bytes) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat s;
  char *p = 0;
  if (fd >= 0 && bytes > 0 && fstat(fd, &s) == 0 && S_ISREG(s.st_mode) && (uint64_t)s.st_size >= bytes) {
    p = mmap(0, sn_mapped_bytes(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (p == MAP_FAILED) p = 0;
    else if (mmap(p, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED) { sn_unmap_file(p, bytes); p = 0; }
  }
  if (fd >= 0) close(fd);
  return p;
}
void sn_unmap_file(char *pages, uint64_t bytes) { munmap(pages, sn_mapped_bytes(bytes)); }
#endif
