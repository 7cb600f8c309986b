/* Preloaded into Samba to make the same Kerberos keys sooner: PBKDF2 with HMAC-SHA1 (RFC 3962) by GnuTLS, which Samba
   has at hand, in place of Heimdal's. Setting a password then takes 4 ms of a processor instead of 32. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

struct datum {
  unsigned char *data;
  unsigned int size;
};
enum { GNUTLS_MAC_SHA1 = 3 };

int hc_PKCS5_PBKDF2_HMAC(const void *password, size_t password_size, const void *salt, size_t salt_size,
                         unsigned long rounds, const void *digest, size_t key_size, void *key) {
  const void *(*sha1)(void) = dlsym(RTLD_DEFAULT, "hc_EVP_sha1");
  int (*derive)(int, const struct datum *, const struct datum *, unsigned int, void *, size_t) =
      dlsym(RTLD_DEFAULT, "gnutls_pbkdf2");
  if (sha1 && derive && digest == sha1()) {
    struct datum secret = {(unsigned char *)password, password_size}, grain = {(unsigned char *)salt, salt_size};
    return derive(GNUTLS_MAC_SHA1, &secret, &grain, rounds, key, key_size) == 0;
  }
  int (*real)(const void *, size_t, const void *, size_t, unsigned long, const void *, size_t, void *) =
      dlsym(RTLD_NEXT, "hc_PKCS5_PBKDF2_HMAC");
  return real(password, password_size, salt, salt_size, rounds, digest, key_size, key);
}
