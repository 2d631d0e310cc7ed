/*
 * The DNS over TLS upstream of the bench: answers every A question with one address, other types with no records. It
 * reads all that has come, then writes all answers at once, which is what makes it cheap enough never to be the limit.
 *
 *   upstream CHAIN.pem KEY.pem
 *
 * Prints {"port":N} when it listens on 127.0.0.1, its counters for each line on standard input, and ends with its end.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS 64
#define IN_OCTETS (1 << 18)
#define READ_OCTETS (1 << 16)
/* Nothing more is read while more than this waits to be sent. */
#define OUT_LIMIT_OCTETS (1 << 22)
#define ANSWER_OCTETS 64

static const char TTL_7200_192_0_2_1[] = "\xc0\x0c\0\1\0\1\0\0\x1c\x20\0\4\xc0\0\2\1";
#define RECORD_OCTETS (sizeof TTL_7200_192_0_2_1 - 1)
static const char OPT[] = "\0\0\x29\x04\xd0\0\0\0\0\0\0";
#define OPT_OCTETS (sizeof OPT - 1)

struct connection {
  int descriptor, secure, writing;
  SSL *ssl;
  size_t in_length, out_length, out_sent, out_room;
  uint8_t in[IN_OCTETS], *out;
};

static struct {
  long connections, handshakes, resumed, queries;
} counters;
static int epoll;

static void watch(struct connection *c, int operation, uint32_t events) {
  struct epoll_event event = {.events = events, .data.ptr = c};
  epoll_ctl(epoll, operation, c->descriptor, &event);
}

static void end(struct connection *c) {
  ERR_clear_error();
  SSL_free(c->ssl);
  close(c->descriptor);
  free(c->out);
  free(c);
}

/* Appends the framed answer to one query; drops what is no query with one question. */
static void answer(struct connection *c, const uint8_t *query, size_t length) {
  size_t end = 12;
  if (length < 17 || query[4] != 0 || query[5] != 1)
    return;
  while (end < length && query[end] != 0)
    end += query[end] + 1;
  end += 5;
  if (end > length)
    return;
  counters.queries++;
  size_t needed = c->out_length + end + ANSWER_OCTETS;
  if (needed > c->out_room) {
    c->out_room = needed * 2;
    c->out = realloc(c->out, c->out_room);
  }
  uint8_t *frame = c->out + c->out_length, *response = frame + 2;
  int has_opt = query[11] > 0, is_address = query[end - 4] == 0 && query[end - 3] == 1;
  memcpy(response, query, end);
  response[2] = 0x80 | (query[2] & 0x79);
  response[3] = 0x80 | (query[3] & 0x10);
  memset(response + 6, 0, 6);
  response[7] = is_address;
  response[11] = has_opt;
  size_t at = end;
  if (is_address) {
    memcpy(response + at, TTL_7200_192_0_2_1, RECORD_OCTETS);
    at += RECORD_OCTETS;
  }
  if (has_opt) {
    memcpy(response + at, OPT, OPT_OCTETS);
    at += OPT_OCTETS;
  }
  frame[0] = at >> 8;
  frame[1] = at;
  c->out_length += at + 2;
}

static void take_frames(struct connection *c) {
  size_t at = 0;
  while (c->in_length - at >= 2) {
    size_t length = c->in[at] << 8 | c->in[at + 1];
    if (c->in_length - at - 2 < length)
      break;
    answer(c, c->in + at + 2, length);
    at += length + 2;
  }
  memmove(c->in, c->in + at, c->in_length - at);
  c->in_length -= at;
}

/* @returns 0 if the connection failed */
static int flush(struct connection *c) {
  while (c->out_sent < c->out_length) {
    int wrote = SSL_write(c->ssl, c->out + c->out_sent, c->out_length - c->out_sent);
    if (wrote > 0) {
      c->out_sent += wrote;
      continue;
    }
    if (SSL_get_error(c->ssl, wrote) != SSL_ERROR_WANT_WRITE)
      return 0;
    if (!c->writing)
      watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    c->writing = 1;
    return 1;
  }
  c->out_sent = c->out_length = 0;
  if (c->writing)
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
  c->writing = 0;
  return 1;
}

/* @returns 0 if the connection is over */
static int serve(struct connection *c) {
  if (!c->secure) {
    int done = SSL_accept(c->ssl);
    if (done != 1) {
      int error = SSL_get_error(c->ssl, done);
      return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
    }
    c->secure = 1;
    counters.handshakes++;
    counters.resumed += SSL_session_reused(c->ssl);
  }
  for (;;) {
    int got = 1;
    while (got > 0 && c->out_length - c->out_sent < OUT_LIMIT_OCTETS) {
      got = SSL_read(c->ssl, c->in + c->in_length, READ_OCTETS);
      if (got > 0)
        c->in_length += got;
      else if (SSL_get_error(c->ssl, got) != SSL_ERROR_WANT_READ)
        return 0;
      take_frames(c);
    }
    if (!flush(c))
      return 0;
    /* What the library holds already makes no event: it is read before waiting, once there is room. */
    if (got <= 0 || c->writing)
      return 1;
  }
}

static int select_dot(SSL *ssl, const unsigned char **chosen, unsigned char *length, const unsigned char *offered,
                      unsigned int offered_length, void *context) {
  (void)ssl, (void)context;
  return SSL_select_next_proto((unsigned char **)chosen, length, (const unsigned char *)"\3dot", 4, offered,
                               offered_length) == OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}

static void admit(int listener, SSL_CTX *context) {
  int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK), on = 1;
  if (descriptor < 0)
    return;
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  counters.connections++;
  struct connection *c = calloc(1, sizeof *c);
  c->descriptor = descriptor;
  c->ssl = SSL_new(context);
  SSL_set_fd(c->ssl, descriptor);
  SSL_set_accept_state(c->ssl);
  watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static int listen_on_loopback(void) {
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t length = sizeof local;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (bind(listener, (struct sockaddr *)&local, length) < 0 || listen(listener, 1024) < 0) {
    perror("listen");
    exit(1);
  }
  getsockname(listener, (struct sockaddr *)&local, &length);
  printf("{\"port\":%d}\n", ntohs(local.sin_port));
  return listener;
}

int main(int count, char **arguments) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (count != 3 || SSL_CTX_use_certificate_chain_file(context, arguments[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, arguments[2], SSL_FILETYPE_PEM) != 1) {
    fprintf(stderr, "usage: upstream CHAIN.pem KEY.pem\n");
    return 2;
  }
  SSL_CTX_set_alpn_select_cb(context, select_dot, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, READ_OCTETS);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5);
  signal(SIGPIPE, SIG_IGN);
  setlinebuf(stdout);

  int listener = listen_on_loopback();
  epoll = epoll_create1(0);
  struct epoll_event on_listener = {.events = EPOLLIN, .data.ptr = &listener};
  struct epoll_event on_input = {.events = EPOLLIN, .data.ptr = &epoll};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &on_listener);
  epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &on_input);
  for (;;) {
    struct epoll_event events[EVENTS];
    int ready = epoll_wait(epoll, events, EVENTS, -1);
    for (int i = 0; i < ready; i++) {
      void *what = events[i].data.ptr;
      char line[256];
      if (what == &listener)
        admit(listener, context);
      else if (what != &epoll) {
        if (!serve(what))
          end(what);
      } else if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return 0;
      else
        printf("{\"connections\":%ld,\"handshakes\":%ld,\"resumed\":%ld,\"queries\":%ld}\n", counters.connections,
               counters.handshakes, counters.resumed, counters.queries);
    }
  }
}
