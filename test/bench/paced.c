/*
 * Asks over UDP at an even pace, whether or not answers come, and prints as JSON how long they took.
 *
 *   paced PORT FILE UNCOUNTED QUERIES RATE
 *
 * The first UNCOUNTED queries lead in: they are asked at the same pace, and are in none of the figures. So neither what
 * a server does when a load begins is in them, nor the page faults of this program's first moments.
 * FILE is dnsperf's: a name and a type (always asked as A) a line; it is begun again at its end. RATE is queries a
 * second; a very large one sends all at once. A query without an answer 2 s after the last was sent is lost.
 *
 * Latency is from just before the send to the kernel's time stamp of the response (SO_TIMESTAMPNS): the time this
 * program itself takes to be scheduled and to read is not in it. "late" counts queries sent over 1 ms after their time.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define SOCKETS 4
#define BATCH 64
#define QUERY_OCTETS 300
#define RESPONSE_OCTETS 4096
#define CONTROL_OCTETS 64
#define BUFFER_OCTETS (8 << 20)
#define IDS 65536
#define SECOND_NS 1000000000LL
#define LOST_AFTER_NS (2 * SECOND_NS)
#define LATE_NS 1000000LL

static int descriptors[SOCKETS];
static uint16_t next_id[SOCKETS];
/* When the query with this ID was sent, in ns; 0 if none waits. */
static int64_t sent_at[SOCKETS][IDS];
/* Of the first query that counts, in ns as sent_at. */
static int64_t counted_from = INT64_MAX;
static long uncounted;
static uint32_t *latencies_ns;
static long sent, led_in, answered, failed, late;

static int64_t now_ns(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * SECOND_NS + now.tv_nsec;
}

static char *file, *at;

static void read_file(const char *path) {
  FILE *stream = fopen(path, "r");
  if (!stream || fseek(stream, 0, SEEK_END) < 0) {
    perror(path);
    exit(1);
  }
  long length = ftell(stream);
  rewind(stream);
  file = at = malloc(length + 1);
  if (length == 0 || fread(file, 1, length, stream) != (size_t)length) {
    fprintf(stderr, "%s: cannot be read\n", path);
    exit(1);
  }
  file[length] = 0;
  fclose(stream);
}

/* Writes a query with RD and an OPT for the next line's name. @returns its length */
static int next_query(uint8_t *query, uint16_t id) {
  static const uint8_t flags_and_counts[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 1};
  static const uint8_t type_class_opt[] = {0, 1, 0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0};
  if (*at == 0)
    at = file;
  query[0] = id >> 8;
  query[1] = id;
  memcpy(query + 2, flags_and_counts, sizeof flags_and_counts);
  int length = 12, label = length++;
  for (; *at != ' ' && *at != '\n' && *at != 0 && length < 260; at++) {
    if (*at == '.') {
      query[label] = length - label - 1;
      label = length++;
    } else
      query[length++] = *at;
  }
  if (length - label > 1) { /* no dot at the end */
    query[label] = length - label - 1;
    label = length++;
  }
  query[label] = 0;
  while (*at != 0 && *at++ != '\n')
    ;
  memcpy(query + length, type_class_opt, sizeof type_class_opt);
  return length + sizeof type_class_opt;
}

static void send_batch(int which, int count) {
  static uint8_t queries[BATCH][QUERY_OCTETS];
  struct iovec pieces[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  int64_t now = now_ns(CLOCK_REALTIME);
  if (sent == uncounted)
    counted_from = now;
  for (int i = 0; i < count; i++) {
    uint16_t id = next_id[which]++;
    sent_at[which][id] = now;
    pieces[i] = (struct iovec){queries[i], next_query(queries[i], id)};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (int done = 0; done < count;) {
    int more = sendmmsg(descriptors[which], messages + done, count - done, 0);
    done += more > 0 ? more : 1;
  }
  sent += count;
}

static void receive(int which) {
  static uint8_t responses[BATCH][RESPONSE_OCTETS];
  static char controls[BATCH][CONTROL_OCTETS];
  struct iovec pieces[BATCH];
  struct mmsghdr messages[BATCH];
  memset(messages, 0, sizeof messages);
  for (int i = 0; i < BATCH; i++) {
    pieces[i] = (struct iovec){responses[i], RESPONSE_OCTETS};
    messages[i].msg_hdr =
        (struct msghdr){.msg_iov = &pieces[i], .msg_iovlen = 1, .msg_control = controls[i], .msg_controllen = CONTROL_OCTETS};
  }
  int got = recvmmsg(descriptors[which], messages, BATCH, MSG_DONTWAIT, NULL);
  for (int i = 0; i < got; i++) {
    uint16_t id = responses[i][0] << 8 | responses[i][1];
    int64_t began = sent_at[which][id];
    if (messages[i].msg_len < 12 || began == 0)
      continue;
    sent_at[which][id] = 0;
    if (began < counted_from) {
      led_in++;
      continue;
    }
    struct cmsghdr *control = CMSG_FIRSTHDR(&messages[i].msg_hdr);
    struct timespec stamp;
    if (control == NULL || control->cmsg_type != SCM_TIMESTAMPNS)
      clock_gettime(CLOCK_REALTIME, &stamp);
    else
      memcpy(&stamp, CMSG_DATA(control), sizeof stamp);
    int64_t took = stamp.tv_sec * SECOND_NS + stamp.tv_nsec - began;
    latencies_ns[answered + failed] = took < 0 ? 0 : took > UINT32_MAX ? UINT32_MAX : took;
    if ((responses[i][3] & 15) == 0)
      answered++;
    else
      failed++;
  }
}

static int ascending(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static double quantile_us(double fraction) {
  long count = answered + failed, index = count * fraction;
  return count == 0 ? 0 : latencies_ns[index < count ? index : count - 1] / 1000.0;
}

static void open_sockets(int port) {
  struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int on = 1, room = BUFFER_OCTETS;
  for (int i = 0; i < SOCKETS; i++) {
    descriptors[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (setsockopt(descriptors[i], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0)
      setsockopt(descriptors[i], SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    setsockopt(descriptors[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on);
    if (connect(descriptors[i], (struct sockaddr *)&peer, sizeof peer) < 0) {
      perror("connect");
      exit(1);
    }
  }
}

int main(int count, char **arguments) {
  if (count != 6) {
    fprintf(stderr, "usage: paced PORT FILE UNCOUNTED QUERIES RATE\n");
    return 2;
  }
  uncounted = atol(arguments[3]);
  long counted = atol(arguments[4]), total = uncounted + counted;
  double rate = atof(arguments[5]);
  read_file(arguments[2]);
  open_sockets(atoi(arguments[1]));
  latencies_ns = calloc(counted, sizeof *latencies_ns);
  prctl(PR_SET_TIMERSLACK, 1);

  struct pollfd readable[SOCKETS];
  for (int i = 0; i < SOCKETS; i++)
    readable[i] = (struct pollfd){.fd = descriptors[i], .events = POLLIN};
  int64_t began = now_ns(CLOCK_MONOTONIC), finished = 0;
  for (int turn = 0;; turn++) {
    int64_t elapsed = now_ns(CLOCK_MONOTONIC) - began;
    double due_now = elapsed * (rate / SECOND_NS) + 1;
    long due = due_now > total ? total : (long)due_now;
    if (sent < uncounted && due > uncounted)
      due = uncounted; /* what counts begins with a batch of its own */
    if (due > sent) {
      int batch = due - sent < BATCH ? due - sent : BATCH;
      if (sent >= uncounted && rate < SECOND_NS && elapsed - (int64_t)(sent * (SECOND_NS / rate)) > LATE_NS)
        late += batch;
      send_batch(turn % SOCKETS, batch);
    }
    if (sent == total) {
      if (finished == 0)
        finished = elapsed;
      if (led_in + answered + failed == total || elapsed - finished > LOST_AFTER_NS)
        break;
    }
    int64_t wait = sent == total ? SECOND_NS / 100 : (int64_t)(sent * (SECOND_NS / rate)) - (now_ns(CLOCK_MONOTONIC) - began);
    struct timespec most = {0, wait > 0 ? wait % SECOND_NS : 0};
    if (ppoll(readable, SOCKETS, &most, NULL) > 0)
      for (int i = 0; i < SOCKETS; i++)
        if (readable[i].revents)
          receive(i);
  }
  qsort(latencies_ns, answered + failed, sizeof *latencies_ns, ascending);
  printf("{\"sent\":%ld,\"answered\":%ld,\"failed\":%ld,\"lost\":%ld,\"late\":%ld,\"seconds\":%.3f,"
         "\"p50Us\":%.1f,\"p99Us\":%.1f,\"p999Us\":%.1f,\"worstUs\":%.1f}\n",
         counted, answered, failed, counted - answered - failed, late, finished / 1e9, quantile_us(0.5), quantile_us(0.99),
         quantile_us(0.999), quantile_us(1));
  return 0;
}
