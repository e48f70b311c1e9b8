/* sha256.c - the algorithm is fetched once and the context reused: a third of the cost of asking each time. */
#include "engine/base/sha256.h"

#include "engine/base/check.h"
#include "engine/base/memory.h"

#include <openssl/evp.h>

struct sha256 {
    EVP_MD *algorithm;
    EVP_MD_CTX *context;
};

struct sha256 *sha256_create(void)
{
    struct sha256 *sha = memory_allocate(sizeof *sha);
    sha->algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    sha->context = EVP_MD_CTX_new();
    CHECK(sha->algorithm != NULL);
    CHECK(sha->context != NULL);
    return sha;
}

void sha256_destroy(struct sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->context);
    EVP_MD_free(sha->algorithm);
    memory_free(sha);
}

void sha256_digest(struct sha256 *sha, struct bytes input, uint8_t out[SHA256_BYTES])
{
    unsigned size = 0;
    CHECK(EVP_DigestInit_ex2(sha->context, sha->algorithm, NULL) == 1);
    CHECK(EVP_DigestUpdate(sha->context, input.data, input.size) == 1);
    CHECK(EVP_DigestFinal_ex(sha->context, out, &size) == 1);
    CHECK(size == SHA256_BYTES);
}
