/* SPDX-License-Identifier: MIT */
/* The program. */
int main(void)
{
    return 0;
}
