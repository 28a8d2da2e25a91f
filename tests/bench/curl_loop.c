/* SPDX-License-Identifier: MIT */
/* The least that a client on libcurl costs: N easy handles on one multi handle, each sends the next
 * GET when the last is answered. curl_loop URL HANDLES REQUESTS */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

static size_t drop(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
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
