/* Preloaded into Samba when it may not bind ports below 1024: those ports become port + PORTSHIFT.
   Samba decides by a socket's local port whether it speaks TLS, so getsockname() answers with the port it asked for. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int shift(void) {
  const char *value = getenv("PORTSHIFT");
  return value ? atoi(value) : 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t length) {
  int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
  if (address && address->sa_family == AF_INET && length >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in shifted;
    memcpy(&shifted, address, sizeof shifted);
    int port = ntohs(shifted.sin_port);
    if (port > 0 && port < 1024) {
      shifted.sin_port = htons(port + shift());
      return real(fd, (struct sockaddr *)&shifted, sizeof shifted);
    }
  }
  return real(fd, address, length);
}

int getsockname(int fd, struct sockaddr *restrict address, socklen_t *restrict length) {
  int (*real)(int, struct sockaddr *restrict, socklen_t *restrict) = dlsym(RTLD_NEXT, "getsockname");
  int result = real(fd, address, length);
  if (result == 0 && address->sa_family == AF_INET && *length >= sizeof(struct sockaddr_in)) {
    struct sockaddr_in *inet = (struct sockaddr_in *)address;
    int port = ntohs(inet->sin_port) - shift();
    if (shift() && port > 0 && port < 1024)
      inet->sin_port = htons(port);
  }
  return result;
}
