/* SPDX-License-Identifier: MIT */
/* The least that a client on libcurl costs: N easy handles on one multi handle, each sends the next
 * request when the last is answered. curl_loop URL HANDLES REQUESTS get|post|fresh; post: 1 KB
 * each; fresh: a new connection each */
#include <curl/curl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t drop(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

int main(int argc, char **argv)
{
    char body[1024];
    if (argc != 5)
        return 2;
    bool posts = strcmp(argv[4], "post") == 0, fresh = strcmp(argv[4], "fresh") == 0;
    memset(body, 'x', sizeof body);
    long handles = strtol(argv[2], NULL, 10), left = strtol(argv[3], NULL, 10), done = 0;
    int running = 0, queued;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURLM *multi = curl_multi_init();
    for (long i = 0; i < handles && left > 0; i++, left--) {
        CURL *e = curl_easy_init();
        curl_easy_setopt(e, CURLOPT_URL, argv[1]);
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, drop);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
        curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, fresh ? 1L : 0L);
        curl_easy_setopt(e, CURLOPT_FORBID_REUSE, fresh ? 1L : 0L);
        if (posts) {
            curl_easy_setopt(e, CURLOPT_POSTFIELDS, body);
            curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE, (long)sizeof body);
        }
        curl_multi_add_handle(multi, e);
    }
    do {
        curl_multi_perform(multi, &running);
        for (CURLMsg *m; (m = curl_multi_info_read(multi, &queued));) {
            CURL *e = m->easy_handle;
            if (m->data.result != CURLE_OK)
                return 1;
            done++;
            curl_multi_remove_handle(multi, e);
            if (left-- > 0) {
                curl_easy_setopt(e, CURLOPT_URL, argv[1]);
                curl_multi_add_handle(multi, e);
                running++;
            }
        }
        if (running)
            curl_multi_poll(multi, NULL, 0, 1000, NULL);
    } while (running);
    printf("%ld\n", done);
    return 0;
}
