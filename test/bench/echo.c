/*
 * The floor under every server: UDP packets sent back with QR set, 64 a call, nothing else done.
 *
 *   echo ADDRESS PORT [THREADS]
 *
 * Threads, one unless said otherwise, have a socket each and share the port.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define BATCH 64
#define PACKET_OCTETS 4096
#define RECEIVE_BUFFER_OCTETS (4 << 20)

static __thread char octets[BATCH][PACKET_OCTETS];
static __thread struct sockaddr_in peers[BATCH];
static __thread struct iovec pieces[BATCH];
static __thread struct mmsghdr messages[BATCH];

static struct sockaddr_in local = {.sin_family = AF_INET};

static int open_socket(void) {
  int descriptor = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  int room = RECEIVE_BUFFER_OCTETS, on = 1;
  if (setsockopt(descriptor, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  if (bind(descriptor, (struct sockaddr *)&local, sizeof local) < 0) {
    perror("bind");
    exit(1);
  }
  return descriptor;
}

static void *send_back(void *unused) {
  (void)unused;
  int descriptor = open_socket();
  struct pollfd readable = {.fd = descriptor, .events = POLLIN};
  for (;;) {
    for (int i = 0; i < BATCH; i++) {
      pieces[i] = (struct iovec){octets[i], PACKET_OCTETS};
      messages[i].msg_hdr = (struct msghdr){
          .msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &pieces[i], .msg_iovlen = 1};
    }
    int got = recvmmsg(descriptor, messages, BATCH, MSG_DONTWAIT, NULL);
    if (got <= 0) {
      poll(&readable, 1, -1);
      continue;
    }
    for (int i = 0; i < got; i++) {
      octets[i][2] |= 0x80;
      pieces[i].iov_len = messages[i].msg_len;
    }
    for (int sent = 0; sent < got;) {
      int more = sendmmsg(descriptor, messages + sent, got - sent, 0);
      if (more > 0)
        sent += more;
      else if (errno == EAGAIN)
        poll(&(struct pollfd){.fd = descriptor, .events = POLLOUT}, 1, -1);
      else
        sent++; /* this one's client is gone */
    }
  }
  return NULL;
}

int main(int count, char **arguments) {
  if (count < 3 || count > 4) {
    fprintf(stderr, "usage: echo ADDRESS PORT [THREADS]\n");
    return 2;
  }
  local.sin_port = htons(atoi(arguments[2]));
  inet_pton(AF_INET, arguments[1], &local.sin_addr);
  for (int more = count == 4 ? atoi(arguments[3]) - 1 : 0; more > 0; more--) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, send_back, NULL) != 0) {
      fprintf(stderr, "no thread\n");
      return 1;
    }
  }
  send_back(NULL);
}
