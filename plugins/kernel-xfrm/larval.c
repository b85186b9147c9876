/* SPDX-License-Identifier: MIT */
/* larval.c - the kernel's switch that says what becomes of a packet that waits for its SA: by default it is dropped. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "xfrm.h"

static int set(const char *path, char value)
{
	char text[2] = { value, '\n' };
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, sizeof(text)) != sizeof(text))
		error = errno;
	close(fd);
	return error;
}

static bool drops(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value = '0';
	bool known = fd >= 0 && read(fd, &value, 1) == 1;

	if (fd >= 0)
		close(fd);
	return known && value != '0';
}

/* The switch is the network namespace's: it is turned only for those who need it, and back at the end. */
void larval_hold(struct xfrm *x)
{
	if (x->holds_larval || x->cannot_hold || !drops(x->larval_drop))
		return;
	int error = set(x->larval_drop, '0');
	x->holds_larval = error == 0;
	x->cannot_hold = error != 0;
	if (error)
		log_info(x->host.log, "packets that bring a child up on demand are lost, the next ones arrive: %s cannot be set to 0: %s",
			 x->larval_drop, strerror(error));
	else
		log_debug(x->host.log, "%s is 0 until the end, so that packets wait for their SA", x->larval_drop);
}

void larval_restore(struct xfrm *x)
{
	if (x->holds_larval)
		(void)!set(x->larval_drop, '1');
	x->holds_larval = x->cannot_hold = false;
}
