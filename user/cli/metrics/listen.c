// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * skbext metrics --listen: HTTP by libmicrohttpd, which is loaded for this alone: it brings GnuTLS. It has
 * one thread, so that one answer is collected at a time, and main() waits for a signal meanwhile.
 */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "parts.h"

#ifdef HAVE_MICROHTTPD
#include <microhttpd.h>

#define CONNECTIONS	16	/* whoever has more waits */
#define IDLE_SECONDS	10	/* then a connection is closed */

static struct {
	__typeof__(MHD_start_daemon) *start_daemon;
	__typeof__(MHD_stop_daemon) *stop_daemon;
	__typeof__(MHD_lookup_connection_value) *lookup;
	__typeof__(MHD_create_response_from_buffer) *response;
	__typeof__(MHD_add_response_header) *header;
	__typeof__(MHD_queue_response) *queue;
	__typeof__(MHD_destroy_response) *destroy;
} lib;

static int load_library(void)
{
	static const char *const files[] = { "libmicrohttpd.so.12", NULL };
	static const struct cli_function functions[] = {
		{ "MHD_start_daemon", &lib.start_daemon },
		{ "MHD_stop_daemon", &lib.stop_daemon },
		{ "MHD_lookup_connection_value", &lib.lookup },
		{ "MHD_create_response_from_buffer", &lib.response },
		{ "MHD_add_response_header", &lib.header },
		{ "MHD_queue_response", &lib.queue },
		{ "MHD_destroy_response", &lib.destroy },
		{ 0 },
	};
	const char *why = cli_load_library(files, functions);

	return why ? cli_error("cannot listen: libmicrohttpd %s; install libmicrohttpd (Debian: libmicrohttpd12)",
			       why) : CLI_DONE;
}

/* The text is copied, or with MHD_RESPMEM_MUST_FREE given away. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned int code, char *text, size_t len,
			      enum MHD_ResponseMemoryMode mode, const char *type)
{
	struct MHD_Response *response = lib.response(len, text, mode);
	enum MHD_Result sent;

	if (!response)
		return MHD_NO;
	lib.header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
	if (code == MHD_HTTP_METHOD_NOT_ALLOWED)
		lib.header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	sent = lib.queue(connection, code, response);
	lib.destroy(response);
	return sent;
}

static enum MHD_Result answer_shortly(struct MHD_Connection *connection, unsigned int code, const char *text)
{
	return answer(connection, code, (char *)text, strlen(text), MHD_RESPMEM_PERSISTENT, "text/plain");
}

/* Scrapers name the formats that they know; those that name none know the older one. */
static bool wants_openmetrics(struct MHD_Connection *connection)
{
	const char *accept = lib.lookup(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);

	return accept && strstr(accept, "application/openmetrics-text");
}

static enum MHD_Result answer_metrics(struct MHD_Connection *connection, const struct cli_common *common)
{
	bool openmetrics = wants_openmetrics(connection);
	size_t len = 0;
	char *text;
	int ret;

	text = metrics_collect(common, openmetrics, &len, &ret);
	if (!text)
		return answer_shortly(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
				      "cannot read skbext; `skbext metrics` has said why on its stderr\n");
	return answer(connection, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE,
		      openmetrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8" :
				    "text/plain; version=0.0.4; charset=utf-8");
}

static enum MHD_Result on_request(void *common, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data, size_t *data_len,
				  void **request)
{
	(void)version, (void)data, (void)data_len, (void)request;
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_shortly(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "there is only GET\n");
	if (strcmp(url, "/metrics"))
		return answer_shortly(connection, MHD_HTTP_NOT_FOUND, "the metrics are at /metrics\n");
	return answer_metrics(connection, common);
}

/* Splits "PORT", "ADDR:PORT" or "[ADDR]:PORT". Wrong usage ends the process. */
static struct addrinfo *parse_where(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	const char *colon = strrchr(where, ':'), *port = colon ? colon + 1 : where;
	char *host = colon ? strndup(where, colon - where) : strdup("127.0.0.1"), *name = host;
	size_t len = host ? strlen(host) : 0;
	struct addrinfo *address = NULL;

	cli_parse_number(port, "the port of --listen", 0, 65535);
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = 0;
		name++;
	} else if (host && strchr(host, ':')) {
		*host = 0;	/* without brackets nobody knows where the port begins */
	}
	if (!host || !*name || getaddrinfo(name, port, &hints, &address))
		cli_usage_error("--listen wants PORT, ADDR:PORT or [ADDR]:PORT with an address in digits, "
				"not '%s'", where);
	free(host);
	return address;
}

static int open_socket(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, err;

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    (address->ai_family != AF_INET6 ||
	     !setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) &&
	    !bind(fd, address->ai_addr, address->ai_addrlen) && !listen(fd, CONNECTIONS))
		return fd;
	err = -errno;
	if (fd >= 0)
		close(fd);
	return err;
}

/* Port 0 is one that the kernel chooses. */
static void say_where(int fd)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char host[NI_MAXHOST], port[NI_MAXSERV];

	if (getsockname(fd, (struct sockaddr *)&at, &len) ||
	    getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	printf(at.ss_family == AF_INET6 ? "listening at http://[%s]:%s/metrics\n" :
	       "listening at http://%s:%s/metrics\n", host, port);
	fflush(stdout);
}

static int serve(const struct cli_common *common, int fd)
{
	struct MHD_Daemon *daemon;

	cli_expect_interrupt();		/* the thread of the library inherits it */
	signal(SIGPIPE, SIG_IGN);
	daemon = lib.start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request,
				  (void *)common, MHD_OPTION_LISTEN_SOCKET, fd,
				  MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
				  MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_END);
	if (!daemon) {
		close(fd);
		return cli_error("cannot listen: libmicrohttpd cannot start: %s; try again", strerror(errno));
	}
	say_where(fd);
	while (!cli_interrupted_within(3600))
		;
	lib.stop_daemon(daemon);
	return CLI_DONE;
}

int metrics_listen(const struct cli_common *common, const char *where)
{
	struct addrinfo *address = parse_where(where);
	int ret = load_library(), fd = ret ? -1 : open_socket(address);

	freeaddrinfo(address);
	if (!ret && fd < 0)
		return cli_error("cannot listen at %s: %s; name an address of this machine and a port that is "
				 "free", where, strerror(-fd));
	return ret ?: serve(common, fd);
}
#else
int metrics_listen(const struct cli_common *common __attribute__((unused)),
		   const char *where __attribute__((unused)))
{
	return cli_error("cannot listen: this skbext was built without libmicrohttpd; build it where its "
			 "headers are, or use --textfile");
}
#endif
