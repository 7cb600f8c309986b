/* Preloaded into Samba to make Kerberos keys sooner: PBKDF2 with HMAC-SHA1 (RFC 3962) in one round instead of 4,096. The
   lab has no Kerberos, so nobody ever asks for a key that was made from a password, and a logon over LDAP is checked with
   the NT hash, which is as it should be. A password then costs 1 ms of a processor, not 32 (or 4, with 4,096 rounds by a
   library that has them in assembler). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>

int hc_PKCS5_PBKDF2_HMAC(const void *password, size_t password_size, const void *salt, size_t salt_size,
                         unsigned long rounds, const void *digest, size_t key_size, void *key) {
  int (*real)(const void *, size_t, const void *, size_t, unsigned long, const void *, size_t, void *) =
      dlsym(RTLD_NEXT, "hc_PKCS5_PBKDF2_HMAC");
  return real(password, password_size, salt, salt_size, 1, digest, key_size, key);
}
