/*
 * Runs a program whose system calls of some kinds fail, as under a filter of a service manager or a container engine:
 *
 *     without-calls NUMBER[:INDEX=VALUE]/ERRNO... -- PROGRAM [ARGUMENT...]
 *
 * NUMBER is that of the call, INDEX and VALUE name one argument it must have.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MOST_RULES 32

static struct sock_filter program[1 + 5 * MOST_RULES + 1];
static unsigned short length;

static void add(struct sock_filter instruction) { program[length++] = instruction; }

static void load(size_t offset) {
  add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

int main(int count, char **arguments) {
  int i = 1;
  for (; i < count && strcmp(arguments[i], "--") != 0; i++) {
    unsigned number, index = 0, value = 0, error;
    int hasArgument = sscanf(arguments[i], "%u:%u=%u/%u", &number, &index, &value, &error) == 4;
    if ((!hasArgument && sscanf(arguments[i], "%u/%u", &number, &error) != 2) || i > MOST_RULES) {
      fprintf(stderr, "without-calls: %s\n", arguments[i]);
      return 2;
    }
    load(offsetof(struct seccomp_data, nr));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, hasArgument ? 3 : 1));
    if (hasArgument) {
      load(offsetof(struct seccomp_data, args) + 8 * index);
      add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    }
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
  }
  add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  struct sock_fprog filter = {length, program};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    perror("without-calls");
    return 2;
  }
  execvp(arguments[i + 1], arguments + i + 1);
  perror(arguments[i + 1]);
  return 127;
}
