/* Reads the newest picture of shm:NAME, as the layout in engine/ipc/ring.py says, and prints it. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int count, char **words) {
    char path[256];
    snprintf(path, sizeof path, "/dev/shm/spout-bridge-%s", words[count - 1]);
    int file = open(path, O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info)) return 1;
    const uint8_t *base = mmap(0, info.st_size, PROT_READ, MAP_SHARED, file, 0);
    const uint32_t *head = (const uint32_t *)base;
    uint64_t newest = *(const volatile uint64_t *)(base + 32) - 1, stride = *(uint64_t *)(base + 48);
    const uint64_t *slot = (const uint64_t *)(base + 64 + newest % head[3] * stride);
    const uint8_t *pixels = (const uint8_t *)(slot + 8);
    uint64_t sum = 0;
    for (uint64_t at = 0; at < (uint64_t)head[4] * head[5] * 4; at++) sum = sum * 31 + pixels[at];
    if (*(const volatile uint64_t *)slot != 2 * (newest + 1)) return 2; /* overtaken: read again */
    printf("%u %u %llu %llu\n", head[4], head[5], (unsigned long long)slot[1], (unsigned long long)sum);
    return 0;
}
